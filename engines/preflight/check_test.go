package preflight

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

const (
	needRight Need = 1 << iota
	needTable
)

type side struct{ denied bool }

func (s side) Ready(n Need, since int) (Answer, bool) {
	switch {
	case n&needRight != 0:
		return Blind("{own} may not look", "GRANT it to {own}")
	case n&needTable != 0:
		return Later("no tables yet")
	case since > 15:
		return Later("15 does not have it")
	}
	return Answer{}, true
}

func (s side) Say(t string) string { return strings.ReplaceAll(t, "{own}", "watcher") }

func (s side) Mend(err error) string {
	if s.denied {
		return "grant {own} what it lacks"
	}
	return ""
}

// TestInspect: what each answer, and each way of having none, becomes. Nothing that
// could not be looked at passes.
func TestInspect(t *testing.T) {
	ask := func(a Answer, err error) func(context.Context, side) (Answer, error) {
		return func(context.Context, side) (Answer, error) { return a, err }
	}
	never := func(context.Context, side) (Answer, error) { panic("asked") }
	known := &engines.Error{Op: "look", Object: "blue", Err: errors.New("gone"), Next: "start it"}
	in := engines.Scope{On: "blue", From: "blue", To: "green"}
	for _, tt := range []struct {
		name   string
		look   side
		broken error
		check  Check[side]
		level  engines.Level
		is     string
		next   string
		waive  engines.Waive
	}{
		{name: "passes", check: Check[side]{Ask: ask(Passed("7"))}, level: engines.Pass, is: "7", next: "mend"},
		{name: "blocks", check: Check[side]{Ask: ask(Says(engines.Block, "{own}: 3", ""), nil)}, level: engines.Block, is: "watcher: 3", next: "mend", waive: engines.SecondPerson},
		{name: "with its own next move", check: Check[side]{Ask: ask(Says(engines.Caution, "3", "ask {own}"), nil)}, level: engines.Caution, is: "3", next: "ask watcher"},
		{name: "hides nothing on a terminal", check: Check[side]{Ask: ask(Says(engines.Caution, "a\x1b[2Jb", "c\x1b]d"), nil)}, level: engines.Caution, is: "a[2Jb", next: "c]d"},
		{name: "without a right", check: Check[side]{Needs: needRight, Ask: never}, level: engines.Blind, is: "watcher may not look", next: "GRANT it to watcher", waive: engines.SecondPerson},
		{name: "nothing to look at yet", check: Check[side]{Needs: needTable, Ask: never}, level: engines.Info, is: "no tables yet", next: "mend"},
		{name: "too old", check: Check[side]{Since: 16, Ask: never}, level: engines.Info, is: "15 does not have it", next: "mend"},
		{name: "an error beside an answer", check: Check[side]{Ask: ask(Says(engines.Pass, "fine", ""), errors.New("torn"))}, level: engines.Blind, is: "torn", next: "mend", waive: engines.SecondPerson},
		{name: "an error that knows more", check: Check[side]{Ask: ask(Answer{}, known)}, level: engines.Blind, is: "look: blue: gone", next: "start it", waive: engines.SecondPerson},
		{name: "an error that the engine mends", look: side{denied: true}, check: Check[side]{Ask: ask(Answer{}, known)}, level: engines.Blind, is: "look: blue: gone", next: "grant watcher what it lacks", waive: engines.SecondPerson},
		{name: "the side is broken", broken: errors.New("no way in"), check: Check[side]{Ask: never}, level: engines.Blind, is: "no way in", next: "mend", waive: engines.SecondPerson},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.check.Next, tt.check.Waive = "mend", engines.SecondPerson
			fs := Inspect(t.Context(), in, tt.look, tt.broken, []Check[side]{tt.check})
			if len(fs) != 1 || fs[0].Level != tt.level || fs[0].Is != tt.is || fs[0].Next != tt.next || fs[0].Waive != tt.waive || fs[0].Target != "blue" {
				t.Errorf("%+v", fs)
			}
		})
	}
}

// TestInspectAsksTheRightSide: a check of one side is not asked of the other, and
// the order is the table's.
func TestInspectAsksTheRightSide(t *testing.T) {
	ask := func(context.Context, side) (Answer, error) { return Passed("") }
	table := []Check[side]{{ID: "to", On: To, Ask: ask}, {ID: "both", Ask: ask}, {ID: "from", On: From, Ask: ask}}
	for on, want := range map[engines.TargetID]string{"blue": "both from", "green": "to both"} {
		var got []string
		for _, f := range Inspect(t.Context(), engines.Scope{On: on, From: "blue", To: "green"}, side{}, nil, table) {
			got = append(got, f.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("on %s: %v, want %s", on, got, want)
		}
	}
}

// TestFew: a count, and no more names than a line holds.
func TestFew(t *testing.T) {
	for n, want := range map[int]string{0: "0", 1: "1: a", 4: "4: a, b, c, d", 6: "6: a, b, c, d and 2 more"} {
		if got := Few(strings.Split("abcdef", "")[:n]); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
