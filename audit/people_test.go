package audit_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// cast is the people of a night and the file that says whose keys are whose.
type cast struct {
	alice, bob, carol ssh.Signer
	signers           *audit.AllowedSigners
}

func people(t testing.TB) cast {
	t.Helper()
	key := func() ssh.Signer {
		_, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return must[ssh.Signer](t)(ssh.NewSignerFromSigner(priv))
	}
	c := cast{alice: key(), bob: key(), carol: key()}
	c.signers = c.allow(t, "")
	return c
}

// allow writes the signers file, with options for the operator's line.
func (c cast) allow(t testing.TB, alicesOptions string) *audit.AllowedSigners {
	line := func(who, options string, k ssh.Signer) string {
		return who + " " + options + " " + string(ssh.MarshalAuthorizedKey(k.PublicKey()))
	}
	return must[*audit.AllowedSigners](t)(audit.ParseAllowedSigners([]byte(
		line(alice, alicesOptions, c.alice) + line(bob, "", c.bob) + line(carol, "", c.carol))))
}

const (
	bob   = "bob@example"
	carol = "carol@example"
)

// crew is a night with people in it: an operator with a key, a policy, a second
// person who approves.
type crew struct {
	night
	cast
	dir     string
	clock   *clock
	heads   []audit.Head // after each step
	runbook string       // digest
	grants  []int64      // seqs of approvals
	intent  int64        // of the step that is held
	// told may alter a text before it is signed, key and by choose its signer.
	told func(*audit.Statement)
	key  ssh.Signer
	by   string
	// after may alter what has been signed.
	after func(text string) string
}

func (c *crew) options() audit.Options {
	o := options(c.clock)
	o.First = func(op audit.Opening) audit.Line {
		line := first(op)
		text, err := endorsementText(op, c.clock.now())
		if err != nil {
			c.t.Fatal(err)
		}
		sig := c.sign(c.alice, audit.NamespaceSession, text)
		key := &entries.Key{FP: ssh.FingerprintSHA256(c.alice.PublicKey()), Kind: c.alice.PublicKey().Type()}
		switch b := line.Body.(type) {
		case entries.SessionOpen:
			b.Endorsement, b.Signature, b.Key = text, sig, key
			line.Body = b
		case entries.SessionResume:
			b.Endorsement, b.Signature, b.Key = text, sig, key
			line.Body = b
		}
		return line
	}
	return o
}

// endorsementText is what an operator signs at the beginning of a segment.
func endorsementText(o audit.Opening, at time.Time) (string, error) {
	return audit.Statement{Kind: audit.Endorsement, Values: map[string]string{
		"origin": o.Origin, "session": o.Sid, "segment": fmt.Sprint(o.Segment), "after": fmt.Sprintf("%d %s", o.Seq, o.Prev),
		"key": o.VKey, "operator": alice, "name": "Alice Example", "at": at.UTC().Format(time.RFC3339), "meaning": "mine"}}.Text()
}

func (c *crew) sign(k ssh.Signer, namespace, text string) string {
	c.t.Helper()
	return must[string](c.t)(audit.SignSSH(rand.Reader, k, namespace, []byte(text)))
}

func newCrew(t testing.TB, p cast) *crew {
	c := &crew{cast: p, dir: t.TempDir(), clock: &clock{}, key: p.bob, by: bob}
	c.t = t
	c.l = create(t, c.dir, c.options())
	return c
}

var system = audit.Meta{By: audit.System}

func op(step string, ref int64) audit.Meta {
	m := audit.Meta{By: alice, Step: step, Attempt: 1}
	if ref >= 0 {
		m.Ref = audit.Ref(ref)
	}
	return m
}

// introduce writes what the session stands on.
func (c *crew) introduce() {
	book := []byte("name: orders\n")
	sum := sha256.Sum256(book)
	c.runbook = hex.EncodeToString(sum[:])
	ev := must[audit.Evidence](c.t)(c.l.AddEvidence(book, "text/yaml", "runbook"))
	c.put(op("", -1), entries.RunbookLoaded{Name: "orders", SHA256: c.runbook, Author: carol, Evidence: []audit.Evidence{ev}})
	c.put(system, entries.PolicySet{Quorum: 1, MaxSkewMS: 500, Steps: []entries.StepPolicy{
		{Step: "3.1", Risk: "CHANGE"}, {Step: "3.2", Risk: "TRAFFIC", Need: 1, Not: []string{"author"}}, {Step: "3.3", Risk: "TRAFFIC"}}})
	c.put(audit.Meta{By: audit.System, Target: "blue"}, entries.TargetBound{Role: "blue", Engine: "postgresql", Version: "15.18"})
	c.put(system, entries.IdentityBound{Person: bob, Name: "Bob Example", Role: "approver", How: "signature"})
	ev = must[audit.Evidence](c.t)(c.l.AddEvidence([]byte("id,sum\n"), "text/csv", "sums"))
	m := system
	m.OK = audit.OK(true)
	c.put(m, entries.CheckResult{Check: "sums", Kind: "preflight", Is: "equal", Want: "equal", Evidence: []audit.Evidence{ev}})
}

func planOf(step, runbook string) (text, digest string) {
	text = strings.Replace(strings.Replace(planText, "step: 3.2", "step: "+step, 1), "runbook-sha256: aa", "runbook-sha256: "+runbook, 1)
	sum := sha256.Sum256([]byte(text))
	return text, hex.EncodeToString(sum[:])
}

// approve has somebody sign for an act on a step and gives the seq of the grant.
func (c *crew) approve(m audit.Meta, act, plan, digest string) int64 {
	c.t.Helper()
	m.By = audit.System
	until := c.clock.now().Add(15 * time.Minute).UTC().Truncate(time.Second).Format(time.RFC3339)
	req := c.put(m, entries.ApprovalRequested{Act: act, Need: 1, PlanSHA256: digest, ValidUntil: until})
	s := audit.Statement{Kind: audit.Approval, Plan: plan, Values: map[string]string{
		"origin": origin, "session": sid, "request": fmt.Sprintf("%d %s", req.Seq, req.Leaf), "runbook-sha256": c.runbook,
		"step": m.Step, "act": act, "plan-sha256": digest, "approver": c.by, "name": "Bob Example", "meaning": "yes",
		"at": "2026-11-21T02:00:00Z", "valid-until": until}}
	if c.told != nil {
		c.told(&s)
	}
	text := must[string](c.t)(s.Text())
	sig := c.sign(c.key, audit.NamespaceApproval, text)
	if c.after != nil {
		text = c.after(text)
	}
	g := c.put(audit.Meta{By: c.by, Step: m.Step, Attempt: m.Attempt, Ref: audit.Ref(req.Seq), OK: audit.OK(true)},
		entries.ApprovalGranted{Statement: text, Signature: sig, Way: "command",
			Key: entries.Key{FP: ssh.FingerprintSHA256(c.key.PublicKey()), Kind: c.key.PublicKey().Type()}})
	c.grants = append(c.grants, g.Seq)
	return g.Seq
}

// walk runs a step from plan to outcome, with an approval if it needs one.
func (c *crew) walk(step, risk string, need int64, gates ...int64) {
	c.t.Helper()
	plan, digest := planOf(step, c.runbook)
	needs := entries.Needs{Need: need}
	if need > 0 {
		needs.Not = []string{"author"}
	}
	p := c.put(audit.Meta{By: audit.System, Step: step, Attempt: 1}, entries.StepPlan{Plan: plan, PlanSHA256: digest, Risk: risk, Title: "Freeze", Needs: needs})
	m := op(step, p.Seq)
	var approvals []int64
	if need > 0 {
		approvals = append(approvals, c.approve(m, audit.ActRun, plan, digest))
	}
	in := audit.Line{Meta: m, Body: entries.StepIntent{PlanSHA256: digest, Approvals: approvals, Gates: gates}}
	if c.change != nil {
		in = c.change(in)[0]
	}
	sealed := must[audit.Sealed](c.t)(c.l.Intent(in))
	m.Ref, m.Target = audit.Ref(sealed.Seq()), "blue"
	b := c.put(m, entries.StmtBegin{I: 1, Part: entries.PartMain, Verb: "sql", Text: stmtText, Tag: sealed.Tag(1)})
	m.Ref, m.OK = audit.Ref(b.Seq), audit.OK(true)
	c.put(m, entries.StmtEnd{Outcome: entries.Done, TookUS: 1200})
	m.Ref, m.Target = audit.Ref(sealed.Seq()), ""
	c.put(m, entries.StepOutcome{Outcome: entries.Done, TookUS: 1300})
	c.heads = append(c.heads, c.l.Head())
}

// overridden is a gate that fails and is gone against by two people.
func (c *crew) overridden() int64 {
	gate := c.put(audit.Meta{By: audit.System, Step: "3.2", OK: audit.OK(false)}, entries.CheckResult{Check: "lag", Kind: "gate", Is: "7", Want: "0"})
	m := op("3.2", gate.Seq)
	seq := c.approve(m, "override lag", "", "-")
	c.put(m, entries.CheckOverride{Check: "lag", Is: "7", Want: "0", Reason: "read by hand", Approvals: []int64{seq}})
	return gate.Seq
}

func (c *crew) skip() {
	seq := c.approve(op("3.3", -1), "skip", "", "-")
	c.put(op("3.3", -1), entries.StepSkipped{Reason: "not needed", Approvals: []int64{seq}})
}

func (c *crew) close() {
	c.t.Helper()
	c.night.close()
	c.signFile(c.alice)
}

func (c *crew) signFile(k ssh.Signer) {
	c.t.Helper()
	for n := 9; n > 0; n-- {
		if _, err := os.Stat(segmentFile(c.dir, n)); err == nil {
			os.Remove(segmentFile(c.dir, n) + ".sig")
			break
		}
	}
	if err := audit.SignFile(c.dir, rand.Reader, k); err != nil {
		c.t.Fatal(err)
	}
}

// afterwards lays a text that somebody signs after the close beside the record.
func (c *crew) afterwards(name string, s audit.Statement, k ssh.Signer) {
	c.t.Helper()
	text := must[string](c.t)(s.Text())
	if err := os.MkdirAll(c.dir+"/after", 0o700); err != nil {
		c.t.Fatal(err)
	}
	write(c.t, c.dir+"/after/"+name+".txt", text)
	write(c.t, c.dir+"/after/"+name+".txt.sig", c.sign(k, s.Kind.Namespace(), text))
}

// countersign has a person vouch for the last head.
func (c *crew) countersign(who string, k ssh.Signer, change func(map[string]string)) {
	c.t.Helper()
	sum := sha256.Sum256([]byte(read(c.t, segmentFile(c.dir, 1))))
	h := c.check().Head
	v := map[string]string{"origin": origin, "session": sid, "head": fmt.Sprintf("%d %s", h.Size, h.Root),
		"last-segment-sha256": hex.EncodeToString(sum[:]), "person": who, "name": "N", "meaning": "seen", "at": "2026-11-21T04:10:02Z"}
	if change != nil {
		change(v)
	}
	c.afterwards("countersign-"+who, audit.Statement{Kind: audit.Countersign, Values: v}, k)
}

// all is a whole good night.
func (c *crew) all() {
	c.introduce()
	c.walk("3.1", "CHANGE", 0)
	gate := c.overridden()
	c.walk("3.2", "TRAFFIC", 1, gate)
	c.skip()
	c.close()
}

// witness is a head as somebody outside saw it.
func witness(h audit.Head) audit.Vouch {
	return audit.Vouch{Kind: audit.AnchorWitness, Name: "w", Seer: "witness w", At: time.Date(2026, 11, 21, 2, 41, 7, 0, time.UTC), Size: h.Size, Root: &h.Root, Origin: h.Origin}
}

// check verifies as an auditor does, with the witness who saw both steps.
func (c *crew) check(change ...func(*audit.VerifyOptions)) audit.Report {
	o := audit.VerifyOptions{Origin: origin, Signers: c.signers, Quorum: 1}
	for _, h := range c.heads {
		o.Vouches = append(o.Vouches, witness(h))
	}
	for _, f := range change {
		f(&o)
	}
	return entries.Verify(c.dir, o)
}

func (c *crew) lines() []string {
	return strings.Split(strings.TrimSuffix(read(c.t, segmentFile(c.dir, 1)), "\n"), "\n")
}

func (c *crew) rewrite(lines []string) {
	write(c.t, segmentFile(c.dir, 1), strings.Join(lines, "\n")+"\n")
}
