package session_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

// answers gives each of these in turn, then the last of them for ever.
func answers(as ...func() (engines.Result, error)) func() (engines.Result, error) {
	var n atomic.Int64
	return func() (engines.Result, error) { return as[min(int(n.Add(1))-1, len(as)-1)]() }
}

func says(s string) func() (engines.Result, error) {
	return func() (engines.Result, error) { return row(s), nil }
}

func loses() (engines.Result, error)   { return engines.Result{}, errLost }
func refuses() (engines.Result, error) { return engines.Result{}, errRefused }

// withProofs gives each action of an abort list a proof, as the engines do.
func withProofs(v *servers) engines.Engine {
	e := v.engine()
	e.Planner = proving{}
	return e
}

type proving struct{ planner }

func (proving) Plan(r engines.Request) (engines.Parts, error) {
	p, err := planner{}.Plan(r)
	for i, a := range p.Abort {
		p.Abort[i].Proof = &engines.Proof{Target: a.Target, Text: "is it " + a.Text, Want: "t"}
	}
	return p, err
}

// TestAnAbortOutlivesALostConnection: clients wait, so the abort plan opens what
// was lost anew; what was sent is sent again only if its proof says that it did not
// happen.
func TestAnAbortOutlivesALostConnection(t *testing.T) {
	other := func(engines.TargetID) (engines.Identity, error) {
		return engines.Identity{Engine: "fake", System: "another", Started: "s"}, nil
	}
	for _, tt := range []struct {
		name   string
		given  func(v *servers)
		phase  steps.Phase
		sent   []string // after catchup was refused
		why    string
		minute bool // it takes more than the patience
	}{
		{"lost before it arrived", func(v *servers) {
			v.on["uncatch"] = answers(loses, says("1"))
			v.on["is it uncatch"] = answers(says("f"), says("f"), says("t"))
		}, steps.Undone, []string{"uncatch", "is it uncatch", "is it uncatch", "uncatch", "is it uncatch", "thaw", "is it thaw"}, "aborted", false},
		{"lost after it happened", func(v *servers) {
			v.on["thaw"] = answers(loses)
		}, steps.Undone, []string{"uncatch", "is it uncatch", "thaw", "is it thaw"}, "aborted", false},
		{"nobody answers for a while", func(v *servers) {
			v.on["thaw"] = answers(loses)
			v.on["is it thaw"] = answers(loses, loses, loses, says("t"))
		}, steps.Undone, []string{"uncatch", "is it uncatch", "thaw", "is it thaw", "is it thaw", "is it thaw", "is it thaw"}, "aborted", false},
		{"answered, then the proof is lost", func(v *servers) {
			v.on["is it thaw"] = answers(loses, says("t"))
		}, steps.Undone, []string{"uncatch", "is it uncatch", "thaw", "is it thaw", "is it thaw"}, "aborted", false},
		{"answered, and the effect is not there", func(v *servers) {
			v.on["is it thaw"] = answers(loses, says("f"))
		}, steps.Unclear, []string{"uncatch", "is it uncatch", "thaw", "is it thaw", "is it thaw"}, "its effect is not there", false},
		{"nobody ever answers", func(v *servers) {
			v.on["thaw"] = answers(loses)
			v.on["is it thaw"] = answers(loses)
		}, steps.Unclear, nil, "could not be asked", true},
		{"refused", func(v *servers) {
			v.on["thaw"] = refuses
			v.on["is it thaw"] = says("f")
		}, steps.Unclear, []string{"uncatch", "is it uncatch", "thaw", "is it thaw"}, "the server says no", false},
		{"another server answers", func(v *servers) {
			v.on["thaw"] = func() (engines.Result, error) {
				v.mu.Lock()
				v.who = other
				v.mu.Unlock()
				return engines.Result{}, errLost
			}
		}, steps.Unclear, []string{"uncatch", "is it uncatch", "thaw"}, "another server answers", false},
		{"no connection is to be had for a while", func(v *servers) {
			var asked atomic.Int64
			v.on["is it uncatch"] = func() (engines.Result, error) {
				v.mu.Lock()
				v.who = func(id engines.TargetID) (engines.Identity, error) {
					if asked.Add(1) < 6 {
						return engines.Identity{}, errLost
					}
					return door{v, id}.same()
				}
				v.mu.Unlock()
				return row("t"), nil
			}
		}, steps.Undone, []string{"uncatch", "is it uncatch", "thaw", "is it thaw"}, "aborted", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				v := newServers()
				v.on["catchup"] = refuses
				v.on["is it catchup"] = says("f")
				tt.given(v)
				cfg := config(v, dir)
				cfg.Engines["fake"] = withProofs(v)
				n := begin(t, v, cfg)
				n.run("1.1", steps.Done)
				from := v.now()
				x := n.run("2", tt.phase)
				sent := v.texts()
				sent = sent[slices.Index(sent, "is it catchup")+1:]
				if tt.sent != nil && !slices.Equal(sent, tt.sent) {
					t.Errorf("sent %q, want %q", sent, tt.sent)
				}
				if !strings.Contains(x.Why, tt.why) {
					t.Errorf("why: %s, want %q", x.Why, tt.why)
				}
				if n := count(v, "thaw"); n > 1 {
					t.Errorf("thaw was sent %d times", n)
				}
				if took := v.now().Sub(from); tt.minute != (took.Seconds() > 15) || took.Seconds() > 40 {
					t.Errorf("it took %s", took)
				}
				if err := n.s.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
