package engines_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestAnOrderIsReadAsItWasWritten: what a plan shows is what is done.
func TestAnOrderIsReadAsItWasWritten(t *testing.T) {
	for _, o := range []engines.CompareOrder{
		{Do: engines.CompareAll, From: "blue", To: "green", Slot: "tq_cmp", Publication: "tq_cmp", Pace: engines.ComparePace{Workers: 2, Max: 40, Critical: 120, Waiting: 10}},
		{Do: engines.CompareAll, From: "green", To: "blue", Back: true, Tables: []string{"public.a", "b"}, Except: []string{"large objects", "public.t.extra"}, Slot: "s",
			Strength: engines.Cryptographic, Pace: engines.ComparePace{Workers: 16}},
		{Do: engines.CompareProve, Token: "s7f2.3"}, {Do: engines.CompareEnd}, {Do: engines.CompareEnd, Slot: "s"},
		{Do: engines.CompareEnd, Back: true}, {Do: engines.CompareEnd, Slot: "s", Back: true},
	} {
		got, err := engines.ParseCompareOrder(o.Text())
		if err != nil || !reflect.DeepEqual(got, o) {
			t.Errorf("%v\nwrote %+v\n read %+v", err, o, got)
		}
	}
	for _, bad := range []string{"", "drop: everything", "compare: every row of blue with green\nslot: s", "compare: x\nstrength: 32\npace: workers 2",
		"compare: x\npace: workers 0", "compare: x\npace: workers"} {
		if o, err := engines.ParseCompareOrder(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, o)
		}
	}
}

// TestLimitsAreSetByName: those that are not named stay as they are.
func TestLimitsAreSetByName(t *testing.T) {
	now := engines.ComparePace{Workers: 2, Max: 40, Critical: 120, Waiting: 10}
	got, err := engines.ParsePace("workers 4, max-waiting 0", now)
	if err != nil || got != (engines.ComparePace{Workers: 4, Max: 40, Critical: 120}) {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"", "workers", "workers 0", "workers -1", "workers x", "speed 3", "workers 4 max-active"} {
		if _, err := engines.ParsePace(bad, now); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if s := engines.Sum64.Chance(); !strings.Contains(s, "2^64") {
		t.Error(s)
	}
}

// TestTheWayBackIsProvenWhereItIsFollowed: the proof stands in the window back only
// between the step that compares the other way and its end.
func TestTheWayBackIsProvenWhereItIsFollowed(t *testing.T) {
	for _, tt := range []struct {
		verify, back, followed string
		proven                 bool
	}{{"full", "full", "equal", true}, {"full", "full", "ended", false}, {"full", "full", "", false}, {"full", "none", "equal", false}, {"none", "full", "equal", false}, {"full", "", "equal", false}} {
		r := engines.Request{From: "green", To: "blue", Params: map[string]string{"verify": tt.verify, "verify_back": tt.back}, Vars: map[string]string{"followed_back": tt.followed}}
		p, err := r.Prove()
		if err != nil || (len(p.Actions) == 1) != tt.proven || !tt.proven && p.UndoNone != engines.NotComparedBack {
			t.Errorf("%+v: %v %+v", tt, err, p)
		}
		if tt.proven && p.Actions[0].Captures[0].Var != "verified_rows_back" {
			t.Errorf("what is proven on the way back is taken for what was proven on the way there: %+v", p.Actions[0].Captures)
		}
	}
	r := engines.Request{From: "blue", To: "green", Params: map[string]string{"verify_back": "none"}}
	if p, err := r.Prove(); err != nil || len(p.Actions) != 1 || p.Actions[0].Captures[0].Var != "verified_rows" {
		t.Errorf("the way there: %v %+v", err, p)
	}
}
