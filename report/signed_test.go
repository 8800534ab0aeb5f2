package report_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/lab/skiptest"
	"github.com/turquoise-db/turquoise/report"
)

const (
	bo   = "bo@example"
	cy   = "cy@example"
	late = "2026-11-21T02:00:00Z"
)

// signed is a night whose people have keys that ssh-keygen made.
type signed struct {
	*night
	keys    string // folder of the key files, named by principal
	waiver  int64
	grant   int64
	signers string
}

func keygen(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("ssh-keygen", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (s *signed) key(who string) ssh.Signer {
	s.t.Helper()
	k, err := audit.LoadKey(filepath.Join(s.keys, who), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}

func (s *signed) sign(who, namespace, text string) string {
	s.t.Helper()
	sig, err := audit.SignSSH(rand.Reader, s.key(who), namespace, []byte(text))
	if err != nil {
		s.t.Fatal(err)
	}
	return sig
}

func (s *signed) text(st audit.Statement) string {
	s.t.Helper()
	text, err := st.Text()
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// writeSigned makes a closed record: one step approved by bo, one run under a
// waiver of ada, both by ada, who signed the session key and the closed file.
func writeSigned(t *testing.T) *signed {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		skiptest.Skip(t, "ssh-keygen", "install the package openssh-client")
	}
	s := &signed{keys: t.TempDir()}
	s.night = &night{t: t}
	var lines strings.Builder
	for _, who := range []string{ada, bo, cy} {
		keygen(t, "-q", "-t", "ed25519", "-N", "", "-C", who, "-f", filepath.Join(s.keys, who))
		pub, err := os.ReadFile(filepath.Join(s.keys, who+".pub"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%s %s", who, pub)
	}
	s.signers = filepath.Join(s.keys, "allowed_signers")
	if err := os.WriteFile(s.signers, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.night = writeWith(t, func(op audit.Opening, b *entries.SessionOpen) {
		b.Endorsement = s.text(audit.Statement{Kind: audit.Endorsement, Values: map[string]string{"origin": op.Origin, "session": op.Sid,
			"segment": fmt.Sprint(op.Segment), "after": fmt.Sprintf("%d %s", op.Seq, op.Prev), "key": op.VKey, "operator": ada, "name": "Ada",
			"at": late, "meaning": "I operate this session."}})
		b.Signature = s.sign(ada, audit.NamespaceSession, b.Endorsement)
		b.Key = s.public(ada)
	})
	book := "name: orders\n"
	ev, err := s.l.AddEvidence([]byte(book), "text/yaml", "runbook")
	if err != nil {
		t.Fatal(err)
	}
	s.line(audit.Meta{}, entries.RunbookLoaded{Name: "orders", SHA256: fmt.Sprintf("%x", sum(book)), Author: cy, Evidence: []audit.Evidence{ev}})
	s.line(audit.Meta{By: audit.System}, entries.PolicySet{MaxSkewMS: 500, Steps: []entries.StepPolicy{
		{Step: "3", Risk: "TRAFFIC", Need: 1}, {Step: "4", Risk: "TRAFFIC", Need: 1, BreakGlass: true}}})
	s.line(audit.Meta{By: audit.System}, entries.IdentityBound{Person: bo, Name: "Bo Example", Role: "approver", How: "signature"})
	s.run("3", book)
	s.run("4", book)
	if err := s.l.Close(audit.Meta{By: ada}, entries.SessionClose{Result: "cut_over", WritesOn: "green", Owed: []int64{s.waiver}}); err != nil {
		t.Fatal(err)
	}
	if err := audit.SignFile(s.dir, rand.Reader, s.key(ada)); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *signed) public(who string) *entries.Key {
	k := s.key(who).PublicKey()
	return &entries.Key{FP: ssh.FingerprintSHA256(k), Kind: k.Type()}
}

// run walks a step that needs an approval: 3 gets it from bo, 4 is run without.
func (s *signed) run(step, book string) {
	s.t.Helper()
	plan := "turquoise plan v1\nrunbook-sha256: " + fmt.Sprintf("%x", sum(book)) + "\nstep: " + step + "\ntitle: Freeze\nrisk: TRAFFIC\nconfirm: blue\n" +
		"target: blue postgresql 15.18\naction: 1 blue sql\n| ALTER ROLE app NOLOGIN\nundo: -\n"
	digest := fmt.Sprintf("%x", sum(plan))
	m := audit.Meta{By: audit.System, Step: step, Attempt: 1}
	p := s.line(m, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: "TRAFFIC", Title: "Freeze", Needs: entries.Needs{Need: 1, BreakGlass: step == "4"}})
	m.Ref = audit.Ref(p)
	until := "2026-11-21T02:20:00Z"
	req, err := s.l.Append(m, entries.ApprovalRequested{Act: audit.ActRun, Need: 1, PlanSHA256: digest, ValidUntil: until})
	if err != nil {
		s.t.Fatal(err)
	}
	v := map[string]string{"origin": "audit.example/turquoise/20261121-orders-7f3a", "session": "20261121-orders-7f3a", "plan-sha256": digest,
		"request": fmt.Sprintf("%d %s", req.Seq, req.Leaf), "step": step, "at": late, "meaning": "yes", "name": "X"}
	in := entries.StepIntent{PlanSHA256: digest}
	m.Ref = audit.Ref(req.Seq)
	if step == "3" {
		v["runbook-sha256"], v["act"], v["approver"], v["valid-until"] = fmt.Sprintf("%x", sum(book)), audit.ActRun, bo, until
		text := s.text(audit.Statement{Kind: audit.Approval, Values: v, Plan: plan})
		m.By, m.OK = bo, audit.OK(true)
		s.grant = s.line(m, entries.ApprovalGranted{Statement: text, Signature: s.sign(bo, audit.NamespaceApproval, text), Way: "command", Key: *s.public(bo)})
		in.Approvals = []int64{s.grant}
	} else {
		v["reason"], v["operator"] = "nobody there", ada
		text := s.text(audit.Statement{Kind: audit.Waiver, Values: v})
		m.By = ada
		s.waiver = s.line(m, entries.ApprovalWaived{Reason: "nobody there", Statement: text, Signature: s.sign(ada, audit.NamespaceApproval, text)})
		in.Waiver = &s.waiver
	}
	m = audit.Meta{By: ada, Step: step, Attempt: 1, Ref: audit.Ref(p)}
	sealed, err := s.l.Intent(audit.Line{Meta: m, Body: in})
	if err != nil {
		s.t.Fatal(err)
	}
	m.Ref, m.Target = audit.Ref(sealed.Seq()), "blue"
	m.Ref = audit.Ref(s.line(m, entries.StmtBegin{I: 1, Part: entries.PartMain, Verb: "sql", Text: "ALTER ROLE app NOLOGIN", Tag: sealed.Tag(1)}))
	m.OK = audit.OK(true)
	s.line(m, entries.StmtEnd{Outcome: entries.Done, TookUS: 1200})
	m.Ref, m.Target = audit.Ref(sealed.Seq()), ""
	s.line(m, entries.StepOutcome{Outcome: entries.Done, TookUS: 1300})
}

func (s *signed) read() *report.Night {
	s.t.Helper()
	who, err := audit.LoadAllowedSigners(s.signers)
	if err != nil {
		s.t.Fatal(err)
	}
	n, err := report.Read(s.dir, entries.Verify(s.dir, audit.VerifyOptions{Signers: who}))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// stock signs a paper as its person does, with ssh-keygen, and lays both beside
// the record.
func (s *signed) stock(p report.Paper, who string) {
	s.t.Helper()
	after := filepath.Join(s.dir, "after")
	if err := os.MkdirAll(after, 0o700); err != nil {
		s.t.Fatal(err)
	}
	name := filepath.Join(after, p.Name)
	if err := os.WriteFile(name, []byte(p.Text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	keygen(s.t, "-q", "-Y", "sign", "-n", p.Namespace, "-f", filepath.Join(s.keys, who), name)
}

func codes(n *report.Night) string {
	var out []string
	for _, f := range n.Verified.Findings {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

var morning = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func TestTextsSignedAfterTheClose(t *testing.T) {
	s := writeSigned(t)
	n := s.read()
	if got := codes(n); got != "I58-owed" {
		t.Fatalf("findings %q before anybody signed; want I58-owed alone: %v", got, n.Verified.Findings)
	}
	paper := func(r report.Request) report.Paper {
		r.At = morning
		p, err := s.read().Paper(r)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s.stock(paper(report.Request{Kind: audit.LateApproval, Waiver: s.waiver, Verdict: report.NotApproved, As: cy}), cy)
	if got := codes(s.read()); got != "" {
		t.Errorf("findings %q after a late verdict; want none", got)
	}
	s.stock(paper(report.Request{Kind: audit.Countersign, As: bo, Name: "Bo Example"}), bo)
	n = s.read()
	if l := n.Verified.Levels[2]; !l.Met || !strings.Contains(l.Text, bo) {
		t.Errorf("level 2 is %v %q after %s countersigned", l.Met, l.Text, bo)
	}
	ev := n.Runbook.Evidence[0].SHA256
	s.stock(paper(report.Request{Kind: audit.Erasure, Evidence: ev, Reason: "names a person", As: cy}), cy)
	if err := os.Remove(filepath.Join(s.dir, "evidence", ev)); err != nil {
		t.Fatal(err)
	}
	if got := codes(s.read()); got != "I50-evidence" {
		t.Errorf("findings %q after an erasure; want the note that the evidence is gone", got)
	}
}

func TestNobodySignsInVain(t *testing.T) {
	s := writeSigned(t)
	n := s.read()
	open := read(t, write(t).dir)
	for name, c := range map[string]struct {
		n   *report.Night
		r   report.Request
		why string
	}{
		"operator countersigns":  {n, report.Request{Kind: audit.Countersign, As: ada}, "operated this session"},
		"operator approves late": {n, report.Request{Kind: audit.LateApproval, As: ada, Waiver: s.waiver, Verdict: report.Approved}, "operated this session"},
		"not a waiver":           {n, report.Request{Kind: audit.LateApproval, As: bo, Waiver: s.grant, Verdict: report.Approved}, "no waiver that an approval is owed for"},
		"no verdict":             {n, report.Request{Kind: audit.LateApproval, As: bo, Waiver: s.waiver}, "is no verdict"},
		"evidence nobody names":  {n, report.Request{Kind: audit.Erasure, As: bo, Evidence: strings.Repeat("a", 64), Reason: "x"}, "no entry names"},
		"no reason":              {n, report.Request{Kind: audit.Erasure, As: bo, Evidence: n.Runbook.Evidence[0].SHA256}, "without a reason"},
		"path as a person":       {n, report.Request{Kind: audit.Countersign, As: "../bo"}, "principal"},
		"session is open":        {open, report.Request{Kind: audit.Countersign, As: bo}, "not closed"},
	} {
		c.r.At = morning
		_, err := c.n.Paper(c.r)
		var refused *report.Refusal
		if !errors.As(err, &refused) || !strings.Contains(refused.Why, c.why) || refused.Next == "" {
			t.Errorf("%s: %v; want a refusal that says %q and what to do", name, err, c.why)
		}
	}
}

// What was signed after the close stands in the report, and a waiver says whether
// somebody answered for it.
func TestTheReportKnowsWhatWasSignedLater(t *testing.T) {
	s := writeSigned(t)
	var before, after strings.Builder
	if err := s.read().HTML(&before); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(before.String(), "STILL OWED") {
		t.Error("the report does not say that an approval is owed")
	}
	p, err := s.read().Paper(report.Request{Kind: audit.LateApproval, Waiver: s.waiver, Verdict: report.NotApproved, As: cy, At: morning})
	if err != nil {
		t.Fatal(err)
	}
	s.stock(p, cy)
	if err := s.read().HTML(&after); err != nil {
		t.Fatal(err)
	}
	if fp := s.public(cy).FP; s.read().After[0].Key != fp || !strings.Contains(after.String(), strings.ReplaceAll(fp, "+", "&#43;")) {
		t.Errorf("the report does not name the key %s of the late verdict", fp)
	}
	if text := after.String(); strings.Contains(text, "STILL OWED") || !strings.Contains(text, "not approved by "+cy) {
		t.Error("the report does not tell the late verdict")
	}
	// A text whose signature is another's is not told.
	name := filepath.Join(s.dir, "after", p.Name)
	if err := os.WriteFile(name, []byte(strings.Replace(p.Text, "not approved", "approved", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := s.read(); len(n.After) != 0 || n.Verified.Verdict != "TAMPERED" {
		t.Errorf("a forged verdict is told: %v, verify says %s", n.After, n.Verified.Verdict)
	}
}
