package mysql

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// sight is what our account can see of a side. Both products answer a question
// about tables, triggers or accounts that are hidden with fewer rows and no
// error, so the right itself is asked for.
type sight struct {
	rights  grants
	schemas []string // of users, as far as they can be known
	hidden  []string // of these: tables are there, and we see none or not all
}

// innodbSchemas lists schemas with tables whether or not we have rights on them;
// it takes PROCESS.
const innodbSchemas = `SELECT DISTINCT SUBSTRING_INDEX(name, '/', 1) FROM information_schema.%TABLES% WHERE name LIKE '%/%'`

func (e *eye) learnSight(ctx context.Context) error {
	var err error
	if e.rights, err = e.grantsOf(ctx, ""); err != nil {
		return err
	}
	known, err := e.names(ctx, "SELECT schema_name FROM information_schema.schemata")
	if err != nil {
		return err
	}
	if e.process {
		files, err := e.names(ctx, replace(innodbSchemas, "%TABLES%", e.l.d.pick("INNODB_TABLES", "INNODB_SYS_TABLES")))
		if err != nil {
			return err
		}
		for _, f := range files {
			known = append(known, fileName(f))
		}
	}
	slices.Sort(known)
	e.schemas, e.hidden = nil, nil
	for _, s := range slices.Compact(known) {
		if slices.Contains(notUser(), s) {
			continue
		}
		e.schemas = append(e.schemas, s)
		if !e.rights.schema("SELECT", s) {
			e.hidden = append(e.hidden, s)
		}
	}
	return nil
}

// fileName is a schema's name as its folder is called, decoded: @002d is "-".
// What is no such code stays as it is.
func fileName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '@' && i+5 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+5], 16, 16); err == nil {
				b.WriteRune(rune(n))
				i += 5
				continue
			}
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// codeRights are those without which the triggers, events or routines of a
// schema are not listed.
func (e *eye) codeRights(schema string) []string {
	var lack []string
	for _, r := range []string{"TRIGGER", "EVENT"} {
		if !e.rights.schema(r, schema) {
			lack = append(lack, r)
		}
	}
	routines := e.rights.global("SHOW_ROUTINE") || e.rights.global("SELECT") || e.l.d.maria && e.rights.table("SELECT", "mysql", "proc")
	for _, r := range []string{"EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE"} {
		routines = routines || e.rights.schema(r, schema)
	}
	if !routines {
		lack = append(lack, "EXECUTE")
	}
	return lack
}

// seesKeys reports whether the foreign keys of a schema are listed to us: MariaDB
// shows constraints to those alone who may do more than read.
func (e *eye) seesKeys(schema string) bool {
	return !e.l.d.maria || slices.ContainsFunc([]string{"INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "REFERENCES"}, func(r string) bool { return e.rights.schema(r, schema) })
}

// missing says which rights our account lacks on a side to see what a check
// needs, as GRANT takes them; empty if it sees all.
func (e *eye) missing(n preflight.Need) (what, on string) {
	if n&(needCatalog|needKeys|needCode) != 0 && !e.process {
		return "PROCESS", "*.*" // without it nobody knows which schemas there are
	}
	if n&needCatalog != 0 && len(e.hidden) > 0 {
		return "SELECT", ident(e.hidden[0]) + ".*"
	}
	for _, s := range e.schemas {
		if n&needKeys != 0 && !e.seesKeys(s) {
			return "REFERENCES", ident(s) + ".*"
		}
	}
	if n&needCode != 0 {
		for _, s := range e.schemas {
			if lack := e.codeRights(s); len(lack) > 0 {
				return strings.Join(lack, ", "), ident(s) + ".*"
			}
		}
	}
	if n&needAccounts != 0 && !e.rights.schema("SELECT", "mysql") {
		return "SELECT", "mysql.*"
	}
	return "", ""
}

// blindEye is the side on which something is hidden that a check needs, nil if
// none is. A check that compares needs to see both.
func (k *look) blindEye(n preflight.Need) (*eye, engines.TargetID) {
	if what, _ := k.me.missing(n); what != "" {
		return k.me, k.in.On
	}
	if n&(needPeer|needBuilt) != 0 && k.peer != nil {
		if what, _ := k.peer.missing(n); what != "" {
			return k.peer, k.other()
		}
	}
	return nil, ""
}

func (k *look) unseen(n preflight.Need) string {
	e, side := k.blindEye(n)
	if e == nil {
		return ""
	}
	what, on := e.missing(n)
	return e.login + " cannot see all on " + string(side) + ": it lacks " + what + " on " + bare(on)
}

func (k *look) grantSight(n preflight.Need) string {
	e, side := k.blindEye(n)
	if e == nil {
		return ""
	}
	what, on := e.missing(n)
	return "GRANT " + what + " ON " + on + " TO " + e.login + " on " + string(side)
}

// denied are the numbers with which a server says that a right is missing.
func denied(n uint16) bool {
	switch n {
	case numDenied, 1044, 1142, 1143, 1370, 1401, 1045:
		return true
	}
	return false
}

// isDenied reports an error that says so.
func isDenied(err error) bool {
	var se *ServerError
	return errors.As(err, &se) && denied(se.Number)
}
