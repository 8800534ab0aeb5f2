package pgbouncer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// instruction is the text of a File action, readable as it stands on the card.
//
//	read: /etc/pgbouncer/pgbouncer.ini      entries of [databases], passwords blanked
//
//	show: /etc/pgbouncer/pgbouncer.ini      the entries of these names, one column each
//	name: app
//
//	edit: /etc/pgbouncer/pgbouncer.ini      these lines, all in one rename
//	old: app = host=a port=5432
//	new: app = host=b port=5432
type instruction struct {
	verb, path string
	names      []string
	old, new   []string
}

func (in instruction) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", in.verb, in.path)
	for _, n := range in.names {
		fmt.Fprintf(&b, "\nname: %s", n)
	}
	for i := range in.old {
		fmt.Fprintf(&b, "\nold: %s\nnew: %s", in.old[i], in.new[i])
	}
	return b.String()
}

func parseInstruction(text string) (instruction, error) {
	var in instruction
	for i, l := range strings.Split(text, "\n") {
		key, val, ok := strings.Cut(l, ": ")
		switch {
		case !ok:
			return in, fmt.Errorf("line %d of the instruction has no value", i+1)
		case i == 0:
			in.verb, in.path = key, val
		case key == "name" && in.verb == "show":
			in.names = append(in.names, val)
		case key == "old" && in.verb == "edit" && len(in.old) == len(in.new):
			in.old = append(in.old, val)
		case key == "new" && in.verb == "edit" && len(in.old) == len(in.new)+1:
			in.new = append(in.new, val)
		default:
			return in, fmt.Errorf("line %d of the instruction: %q does not belong there", i+1, key)
		}
	}
	good := in.verb == "read" ||
		in.verb == "show" && len(in.names) > 0 ||
		in.verb == "edit" && len(in.old) > 0 && len(in.old) == len(in.new)
	if !good || in.path == "" {
		return in, fmt.Errorf("instruction %q is not complete", in.verb)
	}
	return in, nil
}

// lines is what the capture keeps: the entries as text.
func encodeLines(ls []string) (string, error) {
	b, err := json.Marshal(ls)
	return string(b), err
}

func decodeLines(s string) ([]string, error) {
	var ls []string
	err := json.Unmarshal([]byte(s), &ls)
	return ls, err
}

// keep is the comment under a SHOW that says which columns of which row count.
// The pooler has no WHERE, and columns move from version to version.
func keep(show, column, is string, columns ...string) string {
	return show + "\n-- of the answer: " + strings.Join(columns, ", ") + " where " + column + " = " + is
}

// parseKeep takes the comment off again. It never reaches the pooler.
func parseKeep(text string) (command, column, is string, columns []string) {
	command, rest, found := strings.Cut(text, "\n-- of the answer: ")
	if !found {
		return text, "", "", nil
	}
	cols, where, _ := strings.Cut(rest, " where ")
	column, is, _ = strings.Cut(where, " = ")
	return command, column, is, strings.Split(cols, ", ")
}

// once is the comment under a PAUSE that says what it waits for. PAUSE closes a
// server login that is under way, and the pooler takes that for a failed one: for
// server_login_retry after RESUME it begins no other and refuses queries.
func once(pause, database string) string {
	return pause + "\n-- sent once SHOW POOLS has no server login for " + database
}

// parseOnce takes the comment off again. It never reaches the pooler.
func parseOnce(text string) (command, database string) {
	command, database, _ = strings.Cut(text, "\n-- sent once SHOW POOLS has no server login for ")
	return command, database
}
