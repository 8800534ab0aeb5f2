package postgres

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

func request(kind, stage string, on, from, to engines.TargetID) engines.Request {
	return engines.Request{Kind: kind, Stage: stage, Run: "s7f2", Change: SharedTable(), Args: releaseArgs(kind), Attempt: 3, On: on, From: from, To: to,
		Params: map[string]string{"database": "app", "verify": "full", "verify_back": "full",
			"blue_conninfo":  "host=orders-blue port=5432 dbname=app user=repl sslmode=verify-full",
			"green_conninfo": "host=orders-green port=5432 dbname=app user=repl sslmode=verify-full"},
		Vars:  map[string]string{"followed_back": "equal"},
		Known: map[engines.TargetID]engines.Identity{"blue": {Major: 15}, "green": {Major: 17}}}
}

// TestGoldenPlans shows a reviewer what each kind and stage would send, in both
// directions. A kind without a file fails here.
func TestGoldenPlans(t *testing.T) {
	for _, k := range slices.Sorted(maps.Keys(kinds())) {
		kind, stage, _ := strings.Cut(k, "/")
		for _, dir := range []struct {
			name     string
			from, to engines.TargetID
		}{{"there", "blue", "green"}, {"back", "green", "blue"}} {
			name := strings.TrimSuffix(kind+"-"+stage, "-") + "." + dir.name + ".txt"
			t.Run(name, func(t *testing.T) {
				r := request(kind, stage, dir.from, dir.from, dir.to)
				p, err := Planner{}.Plan(r)
				if err != nil {
					t.Fatal(err)
				}
				if again, _ := (Planner{}).Plan(r); enginetest.Show(p) != enginetest.Show(again) {
					t.Error("the same request gave other bytes")
				}
				sound(t, p)
				enginetest.Golden(t, name, p)
			})
		}
	}
}

// sound holds what is true of every plan: an undo or the reason for none, a
// proof behind everything that changes something, aborts that name their action.
func sound(t *testing.T, p engines.Parts) {
	t.Helper()
	if (len(p.Undo) == 0) == (p.UndoNone == "") {
		t.Error("neither an undo nor a reason for none, or both")
	}
	for _, list := range [][]engines.Action{p.Actions, p.Undo, p.Abort} {
		for _, a := range list {
			if a.Proof == nil && a.Verb != engines.Compare && !strings.HasPrefix(a.Text, "SELECT") && !strings.HasPrefix(a.Text, "WITH") {
				t.Errorf("%s changes something and has no proof", a.Title)
			}
			if a.Undoes > len(p.Actions) {
				t.Errorf("%s takes back action %d of %d", a.Title, a.Undoes, len(p.Actions))
			}
		}
	}
}

// TestAbortGivesBackWhatFreezeTook: a role for a role, and no database clock
// where a router keeps the clients.
func TestAbortGivesBackWhatFreezeTook(t *testing.T) {
	p, err := Planner{}.Plan(request("freeze", "", "blue", "blue", "green"))
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range p.Abort {
		if a.Undoes != i+1 || a.Text != strings.Replace(p.Actions[i].Text, "NOLOGIN", "LOGIN", 1) || a.Starts != engines.NoClock {
			t.Errorf("abort %d: %+v", i, a)
		}
	}
	if len(p.Abort) != 2 {
		t.Errorf("%d aborts for two roles", len(p.Abort))
	}
}

// TestConninfoWithPasswordIsRefused: it would stand in the plan in clear.
func TestConninfoWithPasswordIsRefused(t *testing.T) {
	for _, bad := range []string{"", "host=x password=hunter2", "postgres://u@x/app"} {
		r := request("attach", "copy", "green", "blue", "green")
		r.Params["blue_conninfo"] = bad
		if _, err := (Planner{}).Plan(r); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// FuzzQuote: whatever a name or value holds, it ends where it should.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"app", `Ö "r'd\ers; --`, "$tq$", "a\x00b", `\'`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := strings.ReplaceAll(s, "\x00", "")
		id := ident(s)
		if strings.ReplaceAll(id[1:len(id)-1], `""`, `"`) != clean || strings.Count(id[1:len(id)-1], `"`)%2 != 0 {
			t.Errorf("ident %q: %s", s, id)
		}
		l := lit(s)
		inner := strings.TrimPrefix(l, "E")
		inner = strings.ReplaceAll(inner[1:len(inner)-1], `''`, `'`)
		if l[0] == 'E' {
			inner = strings.ReplaceAll(inner, `\\`, `\`)
		}
		if inner != clean {
			t.Errorf("lit %q: %s", s, l)
		}
		d := strings.TrimPrefix(body(clean), "DO ")
		tag := d[:strings.Index(d[1:], "$")+2]
		if strings.Count(d, tag) != 2 {
			t.Errorf("body %q: %s", s, d)
		}
	})
}
