package audit_test

import (
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// ahead has bob approve the whole runbook and gives the seq of the grant.
func (c *crew) ahead(change func(map[string]string)) int64 {
	c.t.Helper()
	v := map[string]string{"runbook-sha256": c.runbook, "runbook": "orders", "change": "-", "window-from": "2026-11-21T01:00:00Z", "window-to": "2026-11-21T05:00:00Z",
		"approver": bob, "name": "Bob Example", "meaning": "yes", "at": "2026-11-18T09:00:00Z", "valid-until": "2026-11-21T05:00:00Z"}
	if change != nil {
		change(v)
	}
	text := must[string](c.t)(audit.Statement{Kind: audit.RunbookApproval, Values: v}.Text())
	g := c.put(audit.Meta{By: bob, Ref: audit.Ref(3), OK: audit.OK(true)}, entries.ApprovalGranted{Statement: text, Signature: c.sign(c.bob, audit.NamespaceApproval, text), Way: "ahead",
		Key: entries.Key{FP: ssh.FingerprintSHA256(c.bob.PublicKey()), Kind: c.bob.PublicKey().Type()}})
	return g.Seq
}

// stepAhead runs a step under approvals that were given ahead.
func (c *crew) stepAhead(step, risk string, policy entries.StepPolicy, approvals ...int64) {
	c.t.Helper()
	policy.Step, policy.Risk, policy.Need = step, risk, 1
	c.put(system, entries.PolicySet{Steps: []entries.StepPolicy{policy}})
	plan, digest := planOf(step, c.runbook)
	p := c.put(audit.Meta{By: audit.System, Step: step, Attempt: 1}, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: risk, Needs: entries.Needs{Need: 1, Ahead: policy.Ahead}})
	m := op(step, p.Seq)
	sealed := must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{PlanSHA256: digest, Approvals: approvals}}))
	m.Ref, m.OK = audit.Ref(sealed.Seq()), audit.OK(true)
	c.put(m, entries.StepOutcome{Outcome: entries.Done})
}

// TestAnApprovalAheadIsHeldToWhatItSays: it serves many steps, inside its window,
// for its runbook and change, where the policy lets it, and never a step of no return.
func TestAnApprovalAheadIsHeldToWhatItSays(t *testing.T) {
	p := people(t)
	may := entries.StepPolicy{Ahead: true}
	value := func(label, v string) func(map[string]string) { return func(m map[string]string) { m[label] = v } }
	for _, row := range []struct {
		name  string
		night func(c *crew)
		exit  int
		codes []string
	}{
		{"two steps", func(c *crew) {
			g := c.ahead(nil)
			c.stepAhead("3.1", "CHANGE", may, g)
			c.stepAhead("3.2", "TRAFFIC", may, g)
		}, 0, nil},
		{"before its window", func(c *crew) {
			c.stepAhead("3.1", "CHANGE", may, c.ahead(value("window-from", "2026-11-21T03:00:00Z")))
		}, 3, []string{"R36-approval-expired", "counts from 2026-11-21T03:00:00Z"}},
		{"after its window", func(c *crew) {
			c.stepAhead("3.1", "CHANGE", may, c.ahead(value("window-to", "2026-11-21T01:30:00Z")))
		}, 3, []string{"R36-approval-expired", "ran out at 2026-11-21T01:30:00Z"}},
		{"not ahead by the policy", func(c *crew) {
			c.stepAhead("3.1", "CHANGE", entries.StepPolicy{}, c.ahead(nil))
		}, 3, []string{"R35-approval-other", "takes none ahead"}},
		{"no return", func(c *crew) { c.stepAhead("3.1", "NO RETURN", may, c.ahead(nil)) }, 3, []string{"R35-approval-other", "it is never approved ahead"}},
		{"another change", func(c *crew) { c.stepAhead("3.1", "CHANGE", may, c.ahead(value("change", "CHG-2"))) }, 1, []string{"E30-scope", "R34-approval-missing"}},
		{"another runbook", func(c *crew) { c.stepAhead("3.1", "CHANGE", may, c.ahead(value("runbook-sha256", "bb"))) }, 1, []string{"E30-scope"}},
		{"for a skip", func(c *crew) {
			c.put(op("3.3", -1), entries.StepSkipped{Reason: "x", Approvals: []int64{c.ahead(nil)}})
		}, 3, []string{"R35-approval-other", "is for the runbook, done was skip"}},
		{"by who took the session over since", func(c *crew) {
			g := c.ahead(nil)
			c.t.Log("bob resumes")
			c.l.Release()
			o := options(c.clock)
			o.First = func(op audit.Opening) audit.Line {
				l := first(op)
				l.Meta.By = bob
				return l
			}
			c.l, _ = resume(c.t, c.dir, o)
			c.put(audit.Meta{By: bob}, entries.SessionHandover{From: alice, To: bob, Reason: "ill"})
			c.change = func(l audit.Line) []audit.Line {
				if l.Meta.By == alice {
					l.Meta.By = bob
				}
				return []audit.Line{l}
			}
			plan, digest := planOf("3.1", c.runbook)
			c.put(system, entries.PolicySet{Steps: []entries.StepPolicy{{Step: "3.1", Risk: "CHANGE", Need: 1, Ahead: true}}})
			q := c.put(audit.Meta{By: audit.System, Step: "3.1", Attempt: 1}, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: "CHANGE", Needs: entries.Needs{Need: 1, Ahead: true}})
			m := op("3.1", q.Seq)
			m.By = bob
			must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{PlanSHA256: digest, Approvals: []int64{g}}}))
		}, 3, []string{"R33-four-eyes", "before they took the session over"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCrew(t, p)
			c.introduce()
			row.night(c)
			if row.name != "by who took the session over since" {
				c.close()
			}
			expect(t, c.check(noVouch), row.exit, row.codes...)
		})
	}
}

// TestAWaiverServesTheStepItWasSignedFor, once, and is settled by a verdict on what
// was run under it.
func TestAWaiverServesTheStepItWasSignedFor(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(c *crew, w audit.Entry, outcome *string)
		exit   int
		code   string
	}{
		{"settled", func(*crew, audit.Entry, *string) {}, 0, ""},
		{"used again", func(c *crew, w audit.Entry, _ *string) {
			plan, digest := planOf("4", c.runbook)
			p := c.put(audit.Meta{By: audit.System, Step: "4", Attempt: 1}, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: "TRAFFIC", Needs: entries.Needs{Need: 1, BreakGlass: true}})
			sealed := must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: op("4", p.Seq), Body: entries.StepIntent{PlanSHA256: digest, Waiver: &w.Seq}}))
			m := op("4", sealed.Seq())
			m.OK = audit.OK(true)
			c.put(m, entries.StepOutcome{Outcome: entries.Done})
		}, 3, "was already used at seq"},
		{"for another attempt", func(c *crew, w audit.Entry, _ *string) {
			plan, digest := planOf("4", c.runbook)
			p := c.put(audit.Meta{By: audit.System, Step: "4", Attempt: 2}, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: "TRAFFIC", Needs: entries.Needs{Need: 1, BreakGlass: true}})
			m := op("4", p.Seq)
			m.Attempt = 2
			sealed := must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{PlanSHA256: digest, Waiver: &w.Seq}}))
			m.Ref, m.OK = audit.Ref(sealed.Seq()), audit.OK(true)
			c.put(m, entries.StepOutcome{Outcome: entries.Done})
		}, 3, "is for attempt 1"},
		{"verdict on another outcome", func(c *crew, _ audit.Entry, outcome *string) {
			c.told = nil
			c.walk("3.1", "CHANGE", 0)
			rec := must[audit.Record](c.t)(audit.Load(c.dir))
			for _, e := range rec.Entries {
				if e.Type == "step.outcome" {
					*outcome = line(e)
				}
			}
		}, 1, "E30-scope"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCrew(t, people(t))
			c.introduce()
			w := c.waiver("4", true)
			s := audit.Statement{Kind: audit.LateApproval, Values: map[string]string{"origin": origin, "session": sid, "verdict": "approved",
				"approver": bob, "name": "B", "meaning": "seen", "at": "2026-11-21T04:00:00Z"}}
			c.told(&s)
			outcome := s.Values["outcome"]
			row.change(c, w, &outcome)
			s.Values["outcome"] = outcome
			text := must[string](t)(s.Text())
			c.put(audit.Meta{By: bob, Ref: audit.Ref(w.Seq), OK: audit.OK(true)}, entries.ApprovalGranted{Way: "late", Statement: text, Signature: c.sign(c.bob, audit.NamespaceApproval, text)})
			c.close()
			if row.code == "" {
				expect(t, c.check(noVouch), row.exit)
			} else {
				expect(t, c.check(noVouch), row.exit, row.code)
			}
		})
	}
}
