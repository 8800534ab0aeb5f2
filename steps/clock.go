package steps

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// clockIn reads from a plan text which clock action n of a part moves.
func clockIn(text, part string, n int) engines.Clock {
	label := map[string]string{"main": "action: ", "abort": "abort: ", "undo": "undo: "}[part]
	if label == "" {
		return engines.NoClock
	}
	label += strconv.Itoa(n) + " "
	in := false
	for _, l := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(l, label):
			in = true
		case strings.HasPrefix(l, "action: "), strings.HasPrefix(l, "abort: "), strings.HasPrefix(l, "undo: "):
			if in {
				return engines.NoClock
			}
		case in && strings.HasPrefix(l, "clock: the freeze"):
			return engines.FreezeBegins
		case in && strings.HasPrefix(l, "clock: writes are open with"):
			return engines.WritesOpen
		case in && strings.HasPrefix(l, "clock: writes are open on"):
			return engines.OpensGreen
		}
	}
	return engines.NoClock
}
