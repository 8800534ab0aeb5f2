package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

func TestANightWithPeopleReachesLevelThree(t *testing.T) {
	c := newCrew(t, people(t))
	c.all()
	r := c.check()
	expect(t, r, 0)
	if r.Covered != c.heads[1].Size || !strings.HasPrefix(r.Level, "level L1 of 4: tamper-evident up to entry") || r.Also != "L3 also holds, L2 does not" {
		t.Errorf("covered %d level %q also %q", r.Covered, r.Level, r.Also)
	}
	r = c.check(func(o *audit.VerifyOptions) { o.Signers = nil })
	expect(t, r, 0)
	if r.Levels[1].Met || !slices.Contains(r.NotChecked, "people: whose keys these are; no allowed_signers file was given") {
		t.Errorf("without a signers file: %v, not checked %q", r.Levels, r.NotChecked)
	}
	c.countersign(bob, c.bob, nil)
	r = c.check()
	expect(t, r, 0)
	if !strings.HasPrefix(r.Level, "level L3 of 4: tamper-evident up to entry") {
		t.Errorf("level %q: %v", r.Level, r.Levels)
	}
}

// onLine leaves lines as they are, but those of one type become what f makes.
func onLine[B audit.Body](f func(*audit.Line, *B)) func(audit.Line) []audit.Line {
	return func(l audit.Line) []audit.Line {
		if b, ok := l.Body.(B); ok {
			f(&l, &b)
			l.Body = b
		}
		return []audit.Line{l}
	}
}

// TestPeopleBreakTheRules lets a patched cockpit with valid keys, or a person
// with a key of the own, break one rule of the approvals at a time.
func TestPeopleBreakTheRules(t *testing.T) {
	p := people(t)
	value := func(label, v string) func(*crew) {
		return func(c *crew) {
			c.told = func(s *audit.Statement) {
				if s.Values["act"] == audit.ActRun {
					s.Values[label] = v
				}
			}
		}
	}
	edited := func(old, repl string) func(*crew) {
		return func(c *crew) {
			c.after = func(text string) string { return strings.Replace(text, old, repl, 1) }
		}
	}
	lines := func(f func(audit.Line) []audit.Line) func(*crew) { return func(c *crew) { c.change = f } }
	for _, row := range []struct {
		name   string
		breaks func(*crew)
		exit   int
		codes  []string
	}{
		{"R1 no approval", lines(onLine(func(_ *audit.Line, b *entries.StepIntent) { b.Approvals = nil })), 3, []string{"R34-approval-missing", "none stands before it"}},
		{"R2 operator approves", func(c *crew) { c.key, c.by = c.alice, alice }, 3, []string{"R33-four-eyes"}},
		{"R2 operator approves under another name", func(c *crew) { c.key = c.alice }, 1, []string{"E29-approver"}},
		{"R3 another plan", func(c *crew) {
			c.told = func(s *audit.Statement) {
				if s.Values["act"] == audit.ActRun {
					s.Plan, s.Values["plan-sha256"] = planOf("9.9", c.runbook)
				}
			}
		}, 3, []string{"R35-approval-other", "is for step 3.2 plan"}},
		{"R3 another step", value("step", "9.9"), 3, []string{"is for step 9.9 plan"}},
		{"R3 plan text is not its digest", func(c *crew) {
			c.told = func(s *audit.Statement) {
				if s.Values["act"] == audit.ActRun {
					s.Plan, _ = planOf("9.9", c.runbook)
				}
			}
		}, 1, []string{"E30-scope"}},
		{"R4 expired", value("valid-until", "2026-11-21T01:59:00Z"), 3, []string{"R36-approval-expired", "approval ran out at 2026-11-21T01:59:00Z"}},
		{"R5 of another session", value("session", "20261120-orders-0000"), 1, []string{"E30-scope", "R34-approval-missing"}},
		{"R5 of another request", value("request", "3 "+strings.Repeat("0", 64)), 1, []string{"E30-scope", "R34-approval-missing"}},
		{"R5 of another runbook", value("runbook-sha256", "bb"), 1, []string{"E30-scope"}},
		{"R6 text edited", edited("meaning: yes", "meaning: no"), 1, []string{"E27-statement"}},
		{"42 extra line", edited("meaning:", "x: y\nmeaning:"), 1, []string{"E27-statement", "must stand"}},
		{"R7 name of another", func(c *crew) { c.key = c.carol }, 1, []string{"E29-approver", `the key belongs to "` + carol}},
		{"author approves", func(c *crew) { c.key, c.by = c.carol, carol }, 3, []string{"R33-four-eyes", "author of this runbook", "R46-unbound"}},
		{"R8 other command", lines(onLine(func(_ *audit.Line, b *entries.StmtBegin) { b.Text += " " })), 3, []string{"R39-off-plan"}},
		{"other tag", lines(onLine(func(_ *audit.Line, b *entries.StmtBegin) { b.Tag = strings.Replace(b.Tag, "i=1", "i=2", 1) })), 3, []string{"R39-off-plan"}},
		{"R9 no intent", lines(onLine(func(l *audit.Line, _ *entries.StmtBegin) { l.Meta.Ref = nil })), 3, []string{"R37-no-intent"}},
		{"R11 override without reason", lines(onLine(func(_ *audit.Line, b *entries.CheckOverride) { b.Reason = "" })), 3, []string{"R41-no-reason"}},
		{"override without approval", lines(onLine(func(_ *audit.Line, b *entries.CheckOverride) { b.Approvals = nil })), 3, []string{"R34-approval-missing"}},
		{"skip without approval", lines(onLine(func(_ *audit.Line, b *entries.StepSkipped) { b.Approvals = nil })), 3, []string{"R34-approval-missing"}},
		{"R12 runbook exchanged", func(c *crew) {
			c.change = func(l audit.Line) []audit.Line {
				if l.Body.Type() == "step.skipped" {
					return []audit.Line{{Meta: op("", -1), Body: entries.RunbookLoaded{SHA256: "bb"}}, l}
				}
				return []audit.Line{l}
			}
		}, 3, []string{"R32-runbook"}},
		{"R17 act of an override", func(c *crew) {
			c.change = onLine(func(_ *audit.Line, b *entries.StepIntent) {
				if len(b.Approvals) > 0 {
					b.Approvals[0] = c.grants[0]
				}
			})
		}, 3, []string{"R35-approval-other", "is for act override lag, done was run"}},
		{"R19 gate without override", lines(func(l audit.Line) []audit.Line {
			if _, ok := l.Body.(entries.CheckOverride); ok {
				return []audit.Line{{Meta: op("", -1), Body: entries.HoldBegin{Reason: "instead"}}}
			}
			return []audit.Line{l}
		}), 3, []string{"R43-gate", "step began while gate lag was 7"}},
		{"R21 another operator", lines(onLine(func(l *audit.Line, _ *entries.StepSkipped) { l.Meta.By = carol })), 3, []string{"R45-handover"}},
		{"R23 never bound", lines(func(l audit.Line) []audit.Line {
			if _, ok := l.Body.(entries.IdentityBound); ok {
				return []audit.Line{{Meta: op("", -1), Body: entries.HoldBegin{Reason: "instead"}}}
			}
			return []audit.Line{l}
		}), 3, []string{"R46-unbound"}},
		{"policy asks for less than the plan", lines(onLine(func(_ *audit.Line, b *entries.PolicySet) { b.Steps[1].Need = 0 })), 3, []string{"R42-policy"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCrew(t, p)
			row.breaks(c)
			c.all()
			expect(t, c.check(), row.exit, row.codes...)
		})
	}
}

// TestTwoPeopleAreTwoPersonsWithTwoKeys: a key that the signers file gives to two
// persons, and a person to whom it gives two keys, are one of the two only.
func TestTwoPeopleAreTwoPersonsWithTwoKeys(t *testing.T) {
	p := people(t)
	row := func(who string, k ssh.Signer) string {
		return who + " " + string(ssh.MarshalAuthorizedKey(k.PublicKey()))
	}
	p.signers = must[*audit.AllowedSigners](t)(audit.ParseAllowedSigners([]byte(
		row(alice+","+bob, p.alice) + row(bob, p.bob) + row(alice, p.carol))))
	c := newCrew(t, p)
	c.key = p.alice
	c.all()
	expect(t, c.check(), 3, "R33-four-eyes", "the approver's key is the operator's own key")
	c = newCrew(t, p)
	c.all()
	c.countersign(alice, p.carol, nil)
	if r := c.check(); r.Exit != 0 || r.Levels[2].Met {
		t.Errorf("the operator countersigned with another key: %v %v", r.Levels, r.Findings)
	}
}

// TestOneApprovalServesOnce: the second step names the approval of the first.
func TestOneApprovalServesOnce(t *testing.T) {
	c := newCrew(t, people(t))
	c.introduce()
	c.walk("3.2", "TRAFFIC", 1)
	c.change = onLine(func(_ *audit.Line, b *entries.StepIntent) { b.Approvals[0] = c.grants[0] })
	c.walk("3.2", "TRAFFIC", 1)
	c.change = nil
	c.close()
	expect(t, c.check(), 3, "R35-approval-other", "was already used at seq")
}

// TestAStepThatWaitsForAnAnchorHasItsReceipt before its first command.
func TestAStepThatWaitsForAnAnchorHasItsReceipt(t *testing.T) {
	for _, row := range []struct {
		name string
		kind string
		size int64 // of the receipt, against the intent's number
		exit int
		code []string
	}{
		{"receipt", audit.AnchorWitness, 2, 0, nil},
		{"of copies of evidence", audit.AnchorEvidence, 2, 3, []string{"R49-anchor"}},
		{"of the entries before", audit.AnchorWitness, 0, 3, []string{"R49-anchor", "step 3.1 was to wait"}},
		{"none", "", -1, 3, []string{"R49-anchor"}},
	} {
		c := newCrew(t, people(t))
		c.introduce()
		c.put(system, entries.PolicySet{Steps: []entries.StepPolicy{{Step: "3.1", Risk: "CHANGE", Anchor: "before"}}})
		c.change = func(l audit.Line) []audit.Line {
			switch b := l.Body.(type) {
			case entries.StepPlan:
				b.Needs.Anchor = "before"
				l.Body = b
			case entries.StmtBegin:
				if row.size >= 0 {
					return []audit.Line{{Meta: system, Body: entries.AnchorReceipt{Kind: row.kind, Name: "w", Size: *l.Meta.Ref + row.size}}, l}
				}
			}
			return []audit.Line{l}
		}
		c.walk("3.1", "CHANGE", 0)
		c.change = nil
		c.close()
		t.Log(row.name)
		expect(t, c.check(noVouch), row.exit, row.code...)
	}
}

// waiver signs the waiver for a step and gives its line.
func (c *crew) waiver(step string, permitted bool) audit.Entry {
	c.t.Helper()
	c.put(system, entries.PolicySet{Steps: []entries.StepPolicy{{Step: step, Risk: "TRAFFIC", Need: 1, BreakGlass: permitted}}})
	plan, digest := planOf(step, c.runbook)
	p := c.put(audit.Meta{By: audit.System, Step: step, Attempt: 1}, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: "TRAFFIC", Needs: entries.Needs{Need: 1, BreakGlass: permitted}})
	m := op(step, p.Seq)
	m.By = audit.System
	req := c.put(m, entries.ApprovalRequested{Act: audit.ActRun, Need: 1, PlanSHA256: digest})
	text := must[string](c.t)(audit.Statement{Kind: audit.Waiver, Values: map[string]string{"origin": origin, "session": sid,
		"request": line(req), "step": step, "plan-sha256": digest, "reason": "nobody there", "operator": alice, "name": "A",
		"meaning": "mine", "at": "2026-11-21T02:00:00Z"}}.Text())
	w := c.put(op(step, req.Seq), entries.ApprovalWaived{Reason: "nobody there", Statement: text, Signature: c.sign(c.alice, audit.NamespaceApproval, text)})
	sealed := must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: op(step, p.Seq), Body: entries.StepIntent{PlanSHA256: digest, Waiver: &w.Seq}}))
	m = op(step, sealed.Seq())
	m.OK = audit.OK(true)
	out := c.put(m, entries.StepOutcome{Outcome: entries.Done})
	c.heads = append(c.heads, c.l.Head())
	c.told = func(s *audit.Statement) {
		s.Values["waiver"], s.Values["outcome"], s.Values["plan-sha256"] = line(w), line(out), digest
	}
	return w
}

// line is how signed texts name a line.
func line(e audit.Entry) string { return fmt.Sprintf("%d %s", e.Seq, e.Leaf) }

// TestAWaiverIsOwedUntilSomebodyElseSigns is row R22.
func TestAWaiverIsOwedUntilSomebodyElseSigns(t *testing.T) {
	p := people(t)
	for _, row := range []struct {
		name    string
		permit  bool
		verdict string // in the record
		late    string // signer of a text after the close
		exit    int
		code    string
	}{
		{"owed", true, "", "", 2, "I58-owed"},
		{"not permitted", false, "", "", 3, "policy does not permit a waiver"},
		{"settled in the record", true, "approved", "", 0, ""},
		{"settled after the close", true, "", bob, 0, ""},
		{"by the operator", true, "", alice, 3, "R33-four-eyes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCrew(t, p)
			c.introduce()
			w := c.waiver("4", row.permit)
			s := audit.Statement{Kind: audit.LateApproval, Values: map[string]string{"origin": origin, "session": sid, "verdict": "approved",
				"approver": bob, "name": "B", "meaning": "seen", "at": "2026-11-21T04:00:00Z"}}
			c.told(&s)
			if row.verdict != "" {
				text := must[string](t)(s.Text())
				c.put(audit.Meta{By: bob, Ref: audit.Ref(w.Seq), OK: audit.OK(true)}, entries.ApprovalGranted{Way: "late", Statement: text,
					Signature: c.sign(c.bob, audit.NamespaceApproval, text)})
			}
			c.close()
			if row.late != "" {
				s.Values["approver"] = row.late
				c.afterwards("late-x", s, map[string]ssh.Signer{bob: c.bob, alice: c.alice}[row.late])
			}
			if r := c.check(); row.code == "" {
				expect(t, r, row.exit)
			} else {
				expect(t, r, row.exit, row.code)
			}
		})
	}
}

// TestTheRunbookBindsThePolicy is row R18.
func TestTheRunbookBindsThePolicy(t *testing.T) {
	c := newCrew(t, people(t))
	c.all()
	o := audit.VerifyOptions{Origin: origin, Signers: c.signers}
	steps := []entries.StepPolicy{{Step: "3.1", Risk: "CHANGE"}, {Step: "3.2", Risk: "TRAFFIC", Need: 1, Not: []string{"author"}}}
	expect(t, entries.VerifyAgainst(c.dir, o, entries.Expected{RunbookSHA256: c.runbook, Steps: steps}), 0)
	steps[1].Need = 2
	expect(t, entries.VerifyAgainst(c.dir, o, entries.Expected{Steps: steps}), 3, "R42-policy", "differs from the runbook's at step 3.2")
	expect(t, entries.VerifyAgainst(c.dir, o, entries.Expected{RunbookSHA256: "bb"}), 3, "R32-runbook")
	// A record without any policy is held to the runbook's all the same.
	steps[1].Need = 1
	expect(t, entries.VerifyAgainst(closedNight(t), audit.VerifyOptions{}, entries.Expected{Steps: steps}), 3, "R42-policy", "R34-approval-missing")
}

// TestADecisionIsSigned: the word of the operator about an unclear step carries
// the operator's signature, over the very intent.
func TestADecisionIsSigned(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*audit.Statement)
		signed bool
		exit   int
		code   string
		plan   string // what came next by the plan; empty: a person decided
	}{
		{"signed", func(*audit.Statement) {}, true, 0, "", ""},
		{"unsigned", func(*audit.Statement) {}, false, 3, "the decision about step 3.1 is not signed", ""},
		{"for another step", func(s *audit.Statement) { s.Values["step"] = "9" }, true, 1, "E30-scope", ""},
		{"other verdict", func(s *audit.Statement) { s.Values["verdict"] = "not_done" }, true, 1, "E30-scope", ""},
		{"taken back by its plan", func(*audit.Statement) {}, false, 0, "", "roll_back"},
		{"gone on by its plan", func(*audit.Statement) {}, false, 3, "nobody decided that", "done"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCrew(t, people(t))
			c.introduce()
			var intent string
			c.change = func(l audit.Line) []audit.Line {
				if _, ok := l.Body.(entries.StepOutcome); ok {
					l.Meta.OK, l.Body = nil, entries.StepOutcome{Outcome: entries.Unclear}
				}
				return []audit.Line{l}
			}
			c.walk("3.1", "CHANGE", 0)
			c.change = nil
			rec := must[audit.Record](t)(audit.Load(c.dir))
			var seq int64
			for _, e := range rec.Entries {
				if e.Type == "step.intent" {
					intent, seq = line(e), e.Seq
				}
			}
			s := audit.Statement{Kind: audit.Decision, Values: map[string]string{"origin": origin, "session": sid, "intent": intent, "step": "3.1",
				"verdict": "done", "next": "done", "evidence": "-", "operator": alice, "name": "A", "meaning": "mine", "at": "2026-11-21T02:00:00Z"}}
			row.change(&s)
			b := entries.StepReconciled{How: "decision", Verdict: "done", Next: "done"}
			if row.plan != "" {
				b = entries.StepReconciled{How: entries.ByPlan, Verdict: "partly", Next: row.plan}
			}
			if row.signed {
				b.Statement = must[string](t)(s.Text())
				b.Signature = c.sign(c.alice, audit.NamespaceApproval, b.Statement)
			}
			c.put(op("3.1", seq), b)
			c.close()
			if row.code == "" {
				expect(t, c.check(), row.exit)
			} else {
				expect(t, c.check(), row.exit, row.code)
			}
		})
	}
}
