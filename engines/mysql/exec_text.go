package mysql

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// command is one program of a pipe, as planned.
type command struct {
	password string
	argv     []string
}

// parsePipe reads the planned text: exactly `mysqldump … | mysql …`, words in
// single quotes taken as they stand, an optional MYSQL_PWD in front.
func parsePipe(text string) ([2]command, error) {
	var out [2]command
	words, err := split(text)
	if err != nil {
		return out, err
	}
	part := 0
	for _, w := range words {
		switch {
		case w.bare && w.text == "|":
			part++
			if part > 1 {
				return out, errCommand
			}
		case len(out[part].argv) == 0 && strings.HasPrefix(w.text, "MYSQL_PWD="):
			out[part].password = strings.TrimPrefix(w.text, "MYSQL_PWD=")
		default:
			out[part].argv = append(out[part].argv, w.text)
		}
	}
	if part != 1 || len(out[0].argv) == 0 || len(out[1].argv) == 0 ||
		!slices.Contains(dumpPrograms, out[0].argv[0]) || !slices.Contains(loadPrograms, out[1].argv[0]) {
		return out, errCommand
	}
	return out, nil
}

type word struct {
	text string
	bare bool
}

func split(text string) ([]word, error) {
	var out []word
	var b strings.Builder
	in, quoted, some := false, false, false
	flush := func() {
		if some {
			out = append(out, word{b.String(), !quoted})
		}
		b.Reset()
		quoted, some = false, false
	}
	for _, r := range text {
		switch {
		case r == '\'':
			in, quoted, some = !in, true, true
		case !in && (r == ' ' || r == '\n'):
			flush()
		default:
			b.WriteRune(r)
			some = true
		}
	}
	if in {
		return nil, errCommand
	}
	flush()
	return out, nil
}

// classifyExec: a program that began may have changed something, whatever it
// says at its end; the step's proof decides.
func classifyExec(err error) engines.Outcome {
	if err == nil {
		return engines.Done
	}
	return engines.Unclear
}
