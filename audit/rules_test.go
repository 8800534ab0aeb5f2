package audit_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// TestRules lets a cockpit with valid keys break one rule at a time.
func TestRules(t *testing.T) {
	on := func(kind string, f func(audit.Line) []audit.Line) func(audit.Line) []audit.Line {
		return func(l audit.Line) []audit.Line {
			if l.Body.Type() == kind {
				return f(l)
			}
			return []audit.Line{l}
		}
	}
	before := func(lines ...audit.Line) func(audit.Line) []audit.Line {
		return func(l audit.Line) []audit.Line { return append(lines, l) }
	}
	line := func(b audit.Body) audit.Line { return audit.Line{Meta: audit.Meta{By: alice, Step: "3.2"}, Body: b} }
	stmt := func(f func(*audit.Line, *entries.StmtBegin)) func(audit.Line) []audit.Line {
		return on("stmt.begin", func(l audit.Line) []audit.Line {
			b := l.Body.(entries.StmtBegin)
			f(&l, &b)
			l.Body = b
			return []audit.Line{l}
		})
	}
	twice := func(l audit.Line) []audit.Line { return []audit.Line{l, l} }
	for _, row := range []struct {
		name   string
		change func(audit.Line) []audit.Line
		exit   int
		code   string
	}{
		{"other text", stmt(func(_ *audit.Line, b *entries.StmtBegin) { b.Text += " " }), 3, "R39-off-plan"},
		{"other target", stmt(func(l *audit.Line, _ *entries.StmtBegin) { l.Meta.Target = "green" }), 3, "R39-off-plan"},
		{"other action", stmt(func(_ *audit.Line, b *entries.StmtBegin) { b.I = 2 }), 3, "R39-off-plan"},
		{"other part", stmt(func(_ *audit.Line, b *entries.StmtBegin) { b.Part = entries.PartUndo }), 3, "R39-off-plan"},
		{"no intent", stmt(func(l *audit.Line, _ *entries.StmtBegin) { l.Meta.Ref = nil }), 3, "R37-no-intent"},
		{"two answers", on("stmt.end", twice), 3, "R40-two-outcomes"},
		{"two outcomes", on("step.outcome", twice), 3, "R40-two-outcomes"},
		{"plan of another digest", on("step.plan", func(l audit.Line) []audit.Line {
			b := l.Body.(entries.StepPlan)
			b.Plan += "note: x\n"
			l.Body = b
			return []audit.Line{l}
		}), 1, "E31-plan"},
		{"approval missing", on("step.plan", func(l audit.Line) []audit.Line {
			b := l.Body.(entries.StepPlan)
			b.Needs.Need = 1
			l.Body = b
			return []audit.Line{l}
		}), 3, "R34-approval-missing"},
		{"override without reason", on("step.plan", before(line(entries.CheckOverride{Check: "lag"}))), 3, "R41-no-reason"},
		{"two runbooks", on("step.plan", before(line(entries.RunbookLoaded{SHA256: "aa"}), line(entries.RunbookLoaded{SHA256: "bb"}))), 3, "R32-runbook"},
		{"changed target", on("stmt.begin", before(audit.Line{Meta: audit.Meta{By: audit.System, Target: "blue"}, Body: entries.TargetChanged{}})), 3, "R47-target"},
		{"no outcome", on("step.outcome", func(audit.Line) []audit.Line { return nil }), 2, "has an intent and no outcome"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			n := &night{t: t, l: create(t, dir, options(&clock{})), change: row.change}
			n.step()
			n.close()
			expect(t, verify(dir), row.exit, row.code)
		})
	}
}

func TestARetryOfAnUnclearStepBreaksTheRules(t *testing.T) {
	dir := t.TempDir()
	n := &night{t: t, l: create(t, dir, options(&clock{})), change: func(l audit.Line) []audit.Line {
		if l.Body.Type() == "step.outcome" {
			l.Meta.OK, l.Body = nil, entries.StepOutcome{Outcome: entries.Unclear}
		}
		return []audit.Line{l}
	}}
	n.step()
	n.step()
	n.close()
	expect(t, verify(dir), 3, "R44-blind-retry", "I52-in-doubt")
}

func TestAGateThatWasNotAPassNeedsAnOverride(t *testing.T) {
	for _, override := range []bool{false, true} {
		dir := t.TempDir()
		l := create(t, dir, options(&clock{}))
		m, op := audit.Meta{By: audit.System, Step: "5"}, audit.Meta{By: alice, Step: "5"}
		gate := must[audit.Entry](t)(l.Append(m, entries.CheckResult{Check: "green/lag_bytes", Is: "unknown", Kind: "gate", Want: "= 0"}))
		if override {
			op.Ref = audit.Ref(gate.Seq)
			must[audit.Entry](t)(l.Append(op, entries.CheckOverride{Check: "green/lag_bytes", Reason: "read by hand"}))
		}
		plan := must[audit.Entry](t)(l.Append(audit.Meta{By: audit.System, Step: "5"}, entries.StepPlan{
			PlanSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}))
		op.Ref = audit.Ref(plan.Seq)
		must[audit.Sealed](t)(l.Intent(audit.Line{Meta: op, Body: entries.StepIntent{Gates: []int64{gate.Seq},
			PlanSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}))
		if override {
			expect(t, verify(dir), 2, "I52-in-doubt")
		} else {
			expect(t, verify(dir), 3, "R43-gate")
		}
	}
}

func TestAStatementBeforeItsSealBreaksTheRules(t *testing.T) {
	judge := entries.NewRules(audit.VerifyOptions{}, entries.Expected{})
	judge.Line(audit.Entry{Seq: 7}, entries.StepIntent{}, 7)
	begin := audit.Entry{Seq: 8, Meta: audit.Meta{Ref: audit.Ref(7)}}
	for sealed, want := range map[int64]bool{7: true, 10: false} {
		got := false
		for _, f := range judge.Line(begin, entries.StmtBegin{}, sealed) {
			got = got || f.Code == "R38-not-sealed"
		}
		if got != want {
			t.Errorf("%d entries under a seal: R38 %v, want %v", sealed, got, want)
		}
	}
}

// TestACheckThatNobodyMayOverride: the record itself says which checks of a
// preflight a second person may let be passed over.
func TestACheckThatNobodyMayOverride(t *testing.T) {
	for _, row := range []struct {
		kind, waive string
		exit        int
		want        string
	}{
		{entries.KindPreflight, "", 3, "R43-gate"},
		{entries.KindPreflight, entries.WaiveSecond, 2, "I53-not-closed"},
		{"gate", "", 2, "I53-not-closed"},
	} {
		dir := t.TempDir()
		l := create(t, dir, options(&clock{}))
		check := must[audit.Entry](t)(l.Append(audit.Meta{By: audit.System, Step: "0.1", Target: "blue", OK: audit.OK(false)},
			entries.CheckResult{Check: "G02 the database", Is: "another", Kind: row.kind, Waive: row.waive, Want: "app"}))
		must[audit.Entry](t)(l.Append(audit.Meta{By: alice, Step: "0.1", Target: "blue", Ref: audit.Ref(check.Seq)},
			entries.CheckOverride{Check: "G02 the database on blue", Reason: "it is fine"}))
		expect(t, verify(dir), row.exit, row.want)
	}
}
