package tui

import (
	"strings"
	"testing"
)

const heldHead = "turquoise-head: local/turquoise/20261121-postgres-logical-7f3a 128 q1bIvXlqfPlmbqmvkPUOmcfAcR5lKfHpbWh4kCm9F0E="

// TestAHoldGivesTheHeadForTheTicket: all of the line stands on the card, y copies
// it and nothing else; without a hold y copies the plan.
func TestAHoldGivesTheHeadForTheTicket(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {170, 46}} {
		s := ready()
		s.Holding, s.Record.Ticket = "by ada: waiting for the network team", heldHead
		r := newRig(t, s, size[0], size[1])
		r.shows("HOLD", "y copy head")
		if size[0] > 80 {
			r.shows("TICKET turquoise-head: local/turquoise/20261121-postgres-logical-7f3a 128", "lKfHpbWh4kCm9F0E= (y copies it)")
		}
		kept := ""
		r.m.copyTo = func(txt string) (string, error) { kept = txt; return "copy.sql", nil }
		r.typed("y")
		if kept != heldHead {
			t.Errorf("%dx%d: copied %q", size[0], size[1], kept)
		}
	}
}

// TestPlainTellsTheHeadOncePerHold and not with every snapshot.
func TestPlainTellsTheHeadOncePerHold(t *testing.T) {
	l := newLines(ready(), false)
	held := ready()
	held.Holding, held.Record.Ticket = "by ada: coffee", heldHead
	again := held
	again.Record.Ticket = strings.Replace(heldHead, " 128 ", " 131 ", 1) // sealed since
	l.buf.Reset()
	for i, s := range []struct{ held bool }{{true}, {true}, {false}, {true}} {
		next := ready()
		if s.held {
			next = held
			if i == 1 {
				next = again
			}
		}
		next.Seq = uint64(i + 2)
		l.onSnapshot(next)
	}
	if got := l.buf.String(); strings.Count(got, "HEAD   for the change ticket: "+heldHead) != 2 || strings.Contains(got, " 131 ") {
		t.Errorf("said:\n%s", got)
	}
}
