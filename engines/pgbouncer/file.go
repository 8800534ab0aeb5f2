package pgbouncer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// runFile carries out one instruction on the pooler's own file.
func runFile(text, own string) (engines.Result, error) {
	in, err := parseInstruction(text)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	if own == "" || in.path != own {
		return engines.Result{}, engines.Refuse("%s is not the file of this target", in.path)
	}
	old, err := os.ReadFile(in.path)
	if err != nil {
		return engines.Result{}, engines.Known(engines.Unsent, err)
	}
	lines := strings.Split(string(old), "\n")
	switch in.verb {
	case "read":
		return readLines(lines)
	case "show":
		return showLines(lines, in.names)
	}
	next, err := editLines(lines, in)
	if err != nil {
		return engines.Result{}, err
	}
	res := engines.Row([]string{"before", "after"}, digest(old), digest(next))
	res.Command = "EDIT"
	if bytes.Equal(old, next) {
		res.Notices = []string{"the file held the new lines already"}
		return res, nil
	}
	return res, local.Replace(in.path, next)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:8])
}

func readLines(lines []string) (engines.Result, error) {
	ls := []string{}
	if err := databases(lines, func(_ int, e entry) { ls = append(ls, e.line) }); err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	text, err := encodeLines(ls)
	if err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	return engines.Row([]string{"lines"}, text), nil
}

func showLines(lines, names []string) (engines.Result, error) {
	found := map[string]string{}
	if err := databases(lines, func(_ int, e entry) { found[e.name] = e.line }); err != nil {
		return engines.Result{}, engines.Refuse("%w", err)
	}
	values := make([]string, len(names))
	for i, n := range names {
		values[i] = found[n] // an absent entry shows as nothing and matches nothing
	}
	return engines.Row(names, values...), nil
}

// editLines replaces each old line by its new one. Every old line must stand
// there exactly once, or its new one already.
func editLines(lines []string, in instruction) ([]byte, error) {
	out := append([]string(nil), lines...)
	for k := range in.old {
		var at, done int
		hits := 0
		err := databases(lines, func(i int, e entry) {
			switch e.line {
			case in.old[k]:
				at, hits = i, hits+1
			case in.new[k]:
				done++
			}
		})
		switch {
		case err != nil:
			return nil, engines.Refuse("%w", err)
		case hits == 0 && done == 1:
			continue
		case hits != 1 || done != 0:
			return nil, engines.Refuse("entry %q stands there %d times, wanted once: the file changed since it was read", in.old[k], hits)
		}
		target, ok, err := parseEntry(in.new[k])
		if err != nil || !ok {
			return nil, engines.Refuse("new line of entry %d is not an entry", k+1)
		}
		// The shown lines have their password blanked; the real one is kept by
		// changing host and port only, in the line without its line end.
		bare := strings.TrimRight(lines[at], "\r")
		next, err := pointAt(bare, target.host, target.port)
		if err != nil {
			return nil, engines.Refuse("entry %q: %w", target.name, err)
		}
		if now, _, err := parseEntry(next); err != nil || now.line != in.new[k] {
			return nil, engines.Refuse("entry %q differs in more than host and port", target.name)
		}
		next += lines[at][len(bare):]
		out[at] = next
	}
	return []byte(strings.Join(out, "\n")), nil
}
