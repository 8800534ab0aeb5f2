package report

import (
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// TestFourEyesNamesWhoAndWhen: who approved ahead counts, who approved afterwards
// is told as such, and an author or operator among them is no second person.
func TestFourEyesNamesWhoAndWhen(t *testing.T) {
	for _, row := range []struct {
		gs   []Grant
		want string
	}{
		{nil, "asked for, and nobody signed"},
		{[]Grant{{By: "bob", Way: "ahead"}}, "kept: approved by bob, operated by ann"},
		{[]Grant{{By: "bob", Way: "late"}}, "waived, and approved afterwards by bob"},
		{[]Grant{{By: "ann", Way: "screen"}}, "NOT KEPT: ann approved an own step"},
		{[]Grant{{By: "carl", Way: "screen"}}, "NOT KEPT: carl wrote the runbook"},
	} {
		n := &Night{Operator: "ann", Approvals: []Approval{{Granted: row.gs}}}
		n.Runbook.Author = "carl"
		if got := n.fourEyes(); !strings.HasPrefix(got, row.want) {
			t.Errorf("%v: %q, want %q", row.gs, got, row.want)
		}
	}
}

// TestApprovalsWithoutARequestAreShown: one of the whole runbook has a row of its
// own, a verdict stands beside the waiver that it judges.
func TestApprovalsWithoutARequestAreShown(t *testing.T) {
	text, err := audit.Statement{Kind: audit.RunbookApproval, Values: map[string]string{"runbook-sha256": "ab12", "runbook": "r", "change": "-", "window-from": "2026-11-21T01:00:00Z",
		"window-to": "2026-11-21T05:00:00Z", "approver": "bob", "name": "B", "meaning": "m", "at": "2026-11-20T01:00:00Z", "valid-until": "2026-11-21T05:00:00Z"}}.Text()
	if err != nil {
		t.Fatal(err)
	}
	f := &fold{n: &Night{}, approvals: map[int64]int{}, odd: map[string][]Exception{}}
	line := func(seq, ref int64, by string, b audit.Body) Line {
		l := Line{Body: b}
		l.Seq, l.By = seq, by
		if ref > 0 {
			l.Ref = audit.Ref(ref)
		}
		return l
	}
	for _, l := range []Line{
		line(5, 4, "bob", entries.ApprovalGranted{Way: "ahead", Statement: text}),
		line(9, 8, audit.System, entries.ApprovalRequested{Act: "run", Need: 1}),
		line(10, 9, "ann", entries.ApprovalWaived{Reason: "nobody awake"}),
		line(20, 10, "carl", entries.ApprovalGranted{Way: "late"}),
	} {
		f.approvalLine(l)
	}
	as := f.n.Approvals
	if len(as) != 2 || as[0].PlanSHA256 != "ab12" || as[0].ValidUntil != "2026-11-21T05:00:00Z" || as[0].Granted[0].By != "bob" {
		t.Fatalf("%+v", as)
	}
	if len(as[1].Granted) != 1 || as[1].Granted[0].By != "carl" || as[1].Waived != "nobody awake" {
		t.Errorf("%+v", as[1])
	}
}

// TestEveryFreezeIsTold: a night that went back held its clients twice.
func TestEveryFreezeIsTold(t *testing.T) {
	at := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	n := &Night{Freezes: []steps.FreezeState{
		{Since: at, Ended: at.Add(67 * time.Millisecond), Elapsed: 67 * time.Millisecond},
		{Since: at.Add(time.Minute), Ended: at.Add(time.Minute + 214*time.Millisecond), Elapsed: 214 * time.Millisecond}}}
	n.Freeze, n.Started = n.Freezes[1], at
	p := n.FirstPage()
	if p.FreezeFor != "67 ms + 214 ms" || p.FreezeUntil != "until 02:00:00Z and 02:01:00Z" {
		t.Errorf("%q %q", p.FreezeFor, p.FreezeUntil)
	}
	one := int64(1)
	c, ok := Track{Name: "x", At: []time.Time{at, at.Add(time.Minute)}, V: []*int64{&one, &one}}.chart(at, at.Add(2*time.Minute), n.Freezes)
	if !ok || strings.Count(string(c.SVG), "<rect") != 2 {
		t.Errorf("%v %s", ok, c.SVG)
	}
}
