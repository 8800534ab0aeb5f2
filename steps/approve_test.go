package steps_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/steps"
)

// signing is a world at the point of no return, its box open, its request made.
func signing(t *testing.T) *world {
	t.Helper()
	w := newWorld(false)
	w.add(ev("", entries.SessionOpen{Origin: "a.example/turquoise/20260301-small-0a1b", Key: &entries.Key{FP: "SHA256:ann"}}))
	return w.to(t, "3.1").arm(t)
}

// signed is a good signature of bob over the text of the newest request.
func signed(t *testing.T, w *world) (steps.Approve, steps.Evidence) {
	t.Helper()
	text, err := steps.ApprovalText(w.s, w.s.Requests[len(w.s.Requests)-1], "bob", "Bob")
	if err != nil {
		t.Fatal(err)
	}
	e := w.shown()
	e.By, e.Operator, e.Now = "bob", false, w.now
	e.Signed = &steps.Signed{Who: "bob", Name: "Bob", Key: entries.Key{FP: "SHA256:bob", Kind: "ssh-ed25519"}, InAgent: audit.OK(false)}
	return steps.Approve{Statement: text, Signature: "sig", Way: "screen"}, e
}

func (w *world) grant(t *testing.T) *world {
	t.Helper()
	c, e := signed(t, w)
	w.decide(t, c, e)
	return w
}

// TestApprovalRefusals: each thing that can be wrong with a signature has its own
// sentence.
func TestApprovalRefusals(t *testing.T) {
	label := func(name, value string) func(*world, *steps.Approve, *steps.Evidence) {
		return func(_ *world, c *steps.Approve, _ *steps.Evidence) {
			var out []string
			for _, l := range strings.Split(c.Statement, "\n") {
				if strings.HasPrefix(l, name+": ") && !slices.Contains(out, name+": "+value) {
					l = name + ": " + value
				}
				out = append(out, l)
			}
			c.Statement = strings.Join(out, "\n")
		}
	}
	other := func(f func(*steps.Signed)) func(*world, *steps.Approve, *steps.Evidence) {
		return func(_ *world, _ *steps.Approve, e *steps.Evidence) { f(e.Signed) }
	}
	again := func(t *testing.T, w *world) {
		w.decide(t, steps.Disarm{}, w.shown())
		w.arm(t)
	}
	for _, row := range []struct {
		name string
		// given changes the world after bob signed, do what is handed in.
		given func(*testing.T, *world)
		do    func(*world, *steps.Approve, *steps.Evidence)
		why   string
	}{
		{"no signers file", nil, func(_ *world, _ *steps.Approve, e *steps.Evidence) { e.Signed = nil }, "no file says who may sign"},
		{"no statement", nil, func(_ *world, c *steps.Approve, _ *steps.Evidence) { c.Statement = "yes" }, "is no statement"},
		{"another kind", nil, func(w *world, c *steps.Approve, _ *steps.Evidence) {
			c.Statement, _ = steps.WaiverText(w.s, w.s.Requests[0], "night", "Bob", w.now)
		}, "is a approval waiver, not an approval"},
		{"broken signature", nil, other(func(g *steps.Signed) { g.Broken = errors.New("signature does not check") }), "signature does not check"},
		{"other session", nil, label("session", "20260302-small-0000"), "is for session 20260302-small-0000, this is 20260301-small-0a1b"},
		{"other origin", nil, label("origin", "b.example/turquoise/20260301-small-0a1b"), "is for session"},
		{"other runbook", nil, label("runbook-sha256", "ffff"), "another runbook (ffff"},
		{"no such request", nil, label("request", "9 00"), "no request 9 00"},
		{"other step", nil, label("step", "1.1"), "is for step 1.1, the request is for step 3.1"},
		{"other plan digest", nil, label("plan-sha256", "abcd"), "is for plan abcd"},
		{"other attempt", again, nil, "is for attempt 1 of step 3.1, this is attempt 2"},
		{"box closed", func(t *testing.T, w *world) { w.decide(t, steps.Disarm{}, w.shown()) }, nil, "counts no more: its box was closed"},
		{"resumed", func(_ *testing.T, w *world) { w.add(ev("", entries.SessionResume{})) }, nil, "the session was resumed since"},
		{"ran out", nil, func(w *world, _ *steps.Approve, e *steps.Evidence) { e.Now = w.s.Requests[0].Until.Add(time.Second) }, "ran out at"},
		{"ran out on record", func(t *testing.T, w *world) {
			w.add(steps.ExpireApprovals(w.s, w.s.Requests[0].Until.Add(time.Second))...)
		}, nil, "it ran out at"},
		{"used", func(t *testing.T, w *world) {
			w.grant(t)
			e := w.shown()
			e.Now = w.now
			w.decide(t, w.confirm(), e)
		}, nil, "it was used already at entry"},
		{"denied", func(t *testing.T, w *world) {
			w.decide(t, steps.Deny{Step: "3.1", Reason: "not tonight"}, w.shown())
		}, nil, "denied by ann: not tonight"},
		{"key not allowed", nil, other(func(g *steps.Signed) { g.Refused = errors.New("key X was no longer valid") }), "was no longer valid"},
		{"somebody else's key", nil, other(func(g *steps.Signed) { g.Who = "carl" }), "the text names bob, the key belongs to carl"},
		{"operator's key", nil, other(func(g *steps.Signed) { g.Key.FP = "SHA256:ann" }), "is the operator's own key"},
		{"operator's agent", nil, other(func(g *steps.Signed) { g.InAgent = audit.OK(true) }), "in the operator's own agent"},
		{"operator's name", nil, func(w *world, c *steps.Approve, e *steps.Evidence) {
			c.Statement, _ = steps.ApprovalText(w.s, w.s.Requests[0], "ann", "Ann")
			e.Signed.Who = "ann"
		}, "ann operates this session"},
		{"earlier operator's name", func(t *testing.T, w *world) {
			w.s.Operators = append(w.s.Operators, "bob")
		}, nil, "bob operates this session"},
		{"not among those asked", func(_ *testing.T, w *world) { w.s.Requests[0].From = []string{"carl"} }, nil, "bob is not among those who may approve"},
		{"twice", func(t *testing.T, w *world) { w.grant(t) }, nil, "bob has approved step 3.1 already"},
		{"another text", nil, label("meaning", "I was asked to sign this."), "not the one that was asked for"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := signing(t)
			c, e := signed(t, w)
			if row.given != nil {
				row.given(t, w)
			}
			e.Now = w.now
			if row.do != nil {
				row.do(w, &c, &e)
			}
			evs, err := steps.Decide(w.s, c, e)
			var r *steps.Refusal
			if !errors.As(err, &r) || !strings.Contains(err.Error(), row.why) || len(evs) != 0 {
				t.Errorf("got %v and %d events, want a refusal with %q", err, len(evs), row.why)
			}
			if r != nil && row.name != "no statement" && r.Next == "" {
				t.Error("no next move")
			}
		})
	}
}

// TestASecondPersonLetsTheStepRun: the intent names the grant, and the grant is
// then used up.
func TestASecondPersonLetsTheStepRun(t *testing.T) {
	w := signing(t)
	if _, err := steps.Decide(w.s, w.confirm(), w.shown()); err == nil || !strings.Contains(err.Error(), "needs 1 approval of a second person, 0 stand") {
		t.Fatalf("alone: %v", err)
	}
	stale := w.shown()
	w.grant(t)
	if !slices.Contains(w.s.People, "bob") {
		t.Errorf("bound are %q", w.s.People)
	}
	if _, err := steps.Decide(w.s, w.confirm(), stale); err == nil || !strings.Contains(err.Error(), "was not on the screen") {
		t.Errorf("a confirm on a screen without the approval: %v", err)
	}
	e := w.shown()
	e.Now = w.s.Requests[0].Until.Add(time.Second)
	if _, err := steps.Decide(w.s, w.confirm(), e); err == nil || !strings.Contains(err.Error(), "ran out") {
		t.Errorf("after its time: %v", err)
	}
	e.Now = w.now
	evs := w.decide(t, w.confirm(), e)
	in := evs[len(evs)-1].Body.(entries.StepIntent)
	if len(in.Approvals) != 1 || in.Approvals[0] != w.s.Requests[0].Grants[0].Seq || in.Waiver != nil {
		t.Errorf("intent %+v", in)
	}
	if w.s.Requests[0].Over == "" {
		t.Error("the grant is not used up")
	}
}

// TestExpiryTakesTheBoxAway: the checks were read too long ago.
func TestExpiryTakesTheBoxAway(t *testing.T) {
	w := signing(t)
	if evs := steps.ExpireApprovals(w.s, w.s.Requests[0].Until); len(evs) != 0 {
		t.Errorf("at its last moment: %v", evs)
	}
	w.add(steps.ExpireApprovals(w.s, w.s.Requests[0].Until.Add(time.Second))...)
	if p := w.s.Step("3.1").Phase; p != steps.Pending {
		t.Errorf("the step is %s", p)
	}
	if evs := steps.ExpireApprovals(w.s, w.now.Add(time.Hour)); len(evs) != 0 {
		t.Errorf("expired twice: %v", evs)
	}
}

func TestWaiverRefusals(t *testing.T) {
	for _, row := range []struct {
		name  string
		given func(*testing.T, *world)
		c     steps.Waive
		why   string
	}{
		{"not permitted", nil, steps.Waive{Step: "3.1", Reason: "r", Signature: "s"}, "does not permit step 3.1 without its approval"},
		{"no reason", glass, steps.Waive{Step: "3.1", Signature: "s"}, "without a reason"},
		{"not signed", glass, steps.Waive{Step: "3.1", Reason: "r"}, "a waiver is signed"},
		{"not armed", func(t *testing.T, w *world) { glass(t, w); w.decide(t, steps.Disarm{}, w.shown()) }, steps.Waive{Step: "3.1", Reason: "r", Signature: "s"}, "nothing of step 3.1 waits"},
		{"approved", func(t *testing.T, w *world) { glass(t, w); w.grant(t) }, steps.Waive{Step: "3.1", Reason: "r", Signature: "s"}, "has the approval it needs"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := signing(t)
			if row.given != nil {
				row.given(t, w)
			}
			if _, err := steps.Decide(w.s, row.c, w.shown()); err == nil || !strings.Contains(err.Error(), row.why) {
				t.Errorf("want %q, got %v", row.why, err)
			}
		})
	}
}

func glass(_ *testing.T, w *world) { w.s.Walk[w.s.Pos].Step.BreakGlass = true }

// TestAWaiverIsOwed: it lets the step run and stands in the closing line.
func TestAWaiverIsOwed(t *testing.T) {
	w := signing(t)
	glass(t, w)
	w.decide(t, steps.Waive{Step: "3.1", Reason: "nobody else is awake", Statement: "text", Signature: "sig"}, w.shown())
	evs := w.decide(t, w.confirm(), w.shown())
	in := evs[len(evs)-1].Body.(entries.StepIntent)
	if in.Waiver == nil || len(in.Approvals) != 0 || len(w.s.Owed) != 1 || *in.Waiver != w.s.Owed[0] {
		t.Fatalf("intent %+v, owed %v", in, w.s.Owed)
	}
	w.end(w.begin("main", 1), "done")
	w.settle("done", "")
	evs = w.decide(t, steps.End{}, w.shown())
	if b := evs[len(evs)-1].Body.(entries.SessionClose); len(b.Owed) != 1 {
		t.Errorf("closed with %+v", b)
	}
}

// TestAnOverrideNeedsASecondPerson: request, signature, override, and then the
// gate counts as open for this attempt, and the intent names the check that was
// overridden.
func TestAnOverrideNeedsASecondPerson(t *testing.T) {
	w := newWorld(false)
	w.add(ev("", entries.SessionOpen{Origin: "a.example/turquoise/20260301-small-0a1b"}))
	bad := func() steps.Evidence {
		e := w.shown()
		e.Now, e.Verdicts = w.now, []checks.Verdict{verdict(checks.Fail)}
		return e
	}
	c := steps.OverrideGate{Step: "1.1", Check: "blue/lag_seconds", Reason: "the gauge is wrong"}
	w.decide(t, c, bad())
	if _, err := steps.Decide(w.s, c, bad()); err == nil || !strings.Contains(err.Error(), "waits for a second person") {
		t.Errorf("without a signature: %v", err)
	}
	if _, err := steps.Decide(w.s, steps.Arm{Step: "1.1"}, bad()); err == nil {
		t.Error("armed against a closed gate")
	}
	w.grant(t)
	w.decide(t, c, bad())
	o := w.s.Overrides[0]
	w.decide(t, steps.Arm{Step: "1.1"}, bad())
	e := bad()
	evs := w.decide(t, w.confirm(), e)
	in, ok := evs[len(evs)-1].Body.(entries.StepIntent)
	if !ok || !slices.Equal([]int64(in.Gates), []int64{o.Checked}) {
		t.Errorf("got %T %+v, want an intent that names check %d", evs[len(evs)-1].Body, in, o.Checked)
	}
	w.settle("refused", "no")
	if _, err := steps.Decide(w.s, steps.Arm{Step: "1.1"}, bad()); err == nil {
		t.Error("the override of attempt 1 counts for attempt 2")
	}
	for name, row := range map[string]struct {
		c   steps.OverrideGate
		v   checks.Status
		why string
	}{
		"no reason":    {steps.OverrideGate{Step: "1.1", Check: "blue/lag_seconds"}, checks.Fail, "without a reason"},
		"no such gate": {steps.OverrideGate{Step: "1.1", Check: "x", Reason: "r"}, checks.Fail, `no gate "x"`},
		"passes":       {steps.OverrideGate{Step: "1.1", Check: "blue/lag_seconds", Reason: "r"}, checks.Pass, "nothing to override"},
		"other step":   {steps.OverrideGate{Step: "1.2", Check: "blue/lag_seconds", Reason: "r"}, checks.Fail, "not the current one"},
	} {
		e := bad()
		e.Verdicts[0].Status = row.v
		if _, err := steps.Decide(w.s, row.c, e); err == nil || !strings.Contains(err.Error(), row.why) {
			t.Errorf("%s: want %q, got %v", name, row.why, err)
		}
	}
}

// TestThePollKeepsTheStep: one no go, or one missing answer.
func TestThePollKeepsTheStep(t *testing.T) {
	w := newWorld(false)
	w.s.Walk[0].Step.Desks = []string{"database", "application"}
	w.arm(t)
	answer := func(desk string, yes bool, comment string) steps.Answer {
		return steps.Answer{Step: "1.1", Desk: desk, Go: yes, Comment: comment}
	}
	may := func(want string) {
		t.Helper()
		_, err := steps.Decide(w.s, w.confirm(), w.shown())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	may("the desk database has not answered")
	w.decide(t, answer("database", true, ""), w.shown())
	may("the desk application has not answered")
	w.decide(t, answer("application", false, "batch runs"), w.shown())
	may("the desk application says no go (batch runs)")
	e := w.shown()
	e.ByVoice = true
	w.decide(t, answer("application", true, ""), e)
	may("")
	if a, _ := w.s.Said("1.1", "application"); !a.Go || !a.ByVoice || a.By != ann {
		t.Errorf("said %+v", a)
	}
	for want, c := range map[string]steps.Answer{"no desk": answer("x", true, ""), "without a word": answer("database", false, ""), "not the current": {Step: "2", Desk: "database", Go: true}} {
		if _, err := steps.Decide(w.s, c, w.shown()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// TestWhoHandsOverMayNotApprove: a person who operated is no second person.
func TestWhoHandsOverMayNotApprove(t *testing.T) {
	w := newWorld(false)
	w.decide(t, steps.Handover{To: "bob", Reason: "end of shift"}, w.shown())
	if w.s.Operator != "bob" || !slices.Equal(w.s.Operators, []string{ann, "bob"}) {
		t.Errorf("operator %s of %q", w.s.Operator, w.s.Operators)
	}
	for want, c := range map[string]steps.Handover{"nobody else": {To: "bob", Reason: "r"}, "without a reason": {To: "carl"}} {
		if _, err := steps.Decide(w.s, c, w.shown()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
