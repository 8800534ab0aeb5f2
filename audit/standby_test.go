package audit_test

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// standsBy is a process that may go on with a night when its cockpit dies.
type standsBy struct {
	c    *crew
	key  *audit.Standby
	seq  int64 // of its endorsement
	kind audit.StatementKind
	who  string
	sign ssh.Signer
	told func(map[string]string)
}

func (c *crew) standsBy() *standsBy {
	return &standsBy{c: c, key: must[*audit.Standby](c.t)(audit.NewStandby(origin, rand.Reader)), kind: audit.StandbyEndorsement, who: alice, sign: c.alice}
}

// endorse has the operator sign the key ahead.
func (s *standsBy) endorse() {
	c := s.c
	c.t.Helper()
	vkey := s.key.VKey()
	es, err := c.l.Standby(func(op audit.Opening) audit.Line {
		v := map[string]string{"origin": op.Origin, "session": op.Sid, "segment": fmt.Sprint(op.Segment), "after": fmt.Sprintf("%d %s", op.Seq, op.Prev),
			"key": vkey, "operator": s.who, "name": "A", "at": c.clock.now().UTC().Format(time.RFC3339), "meaning": "mine"}
		if s.told != nil {
			s.told(v)
		}
		text, err := audit.Statement{Kind: s.kind, Values: v}.Text()
		return audit.Line{Meta: audit.Meta{By: s.who}, Err: err, Body: entries.SessionStandby{Endorsement: text, VKey: vkey,
			Signature: c.sign(s.sign, audit.NamespaceSession, text), Key: entries.Key{FP: ssh.FingerprintSHA256(s.sign.PublicKey()), Kind: s.sign.PublicKey().Type()}}}
	})
	if err != nil {
		c.t.Fatal(err)
	}
	s.seq = es[0].Seq
}

// stands resumes the night with the key, or with what opens says instead.
func (s *standsBy) stands(opens func(*entries.SessionResume)) {
	c := s.c
	c.t.Helper()
	c.l.Release()
	o := options(c.clock)
	o.Standby = s.key
	o.First = func(op audit.Opening) audit.Line {
		line := first(op)
		b := line.Body.(entries.SessionResume)
		b.Standby = &s.seq
		if opens != nil {
			opens(&b)
		}
		line.Body = b
		return line
	}
	c.l, _ = resume(c.t, c.dir, o)
}

// held is a step that stopped inside, with its clients held; back takes it back
// by the abort list of its plan.
func (c *crew) held() (plan audit.Entry, digest string) {
	c.t.Helper()
	text, _ := planOf("4", c.runbook)
	text = strings.Replace(text, "undo: -\n", "abort: 1 blue sql\n| ALTER DATABASE orders RESET default_transaction_read_only\nundo: -\n", 1)
	digest = fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	c.put(system, entries.PolicySet{Quorum: 1, MaxSkewMS: 500, Steps: []entries.StepPolicy{{Step: "4", Risk: "TRAFFIC", Need: 1, Not: []string{}}}})
	p := c.put(audit.Meta{By: audit.System, Step: "4", Attempt: 1}, entries.StepPlan{Plan: text, PlanSHA256: digest, Risk: "TRAFFIC", Needs: entries.Needs{Need: 1, Not: []string{}}})
	m := op("4", p.Seq)
	g := c.approve(m, audit.ActRun, text, digest)
	sealed := must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{PlanSHA256: digest, Approvals: []int64{g}}}))
	m.Ref, m.Target = audit.Ref(sealed.Seq()), "blue"
	c.put(m, entries.StmtBegin{I: 1, Part: entries.PartMain, Verb: "sql", Text: stmtText, Tag: sealed.Tag(1)})
	c.intent = sealed.Seq()
	return p, digest
}

func (c *crew) back(p audit.Entry, digest string, part string) {
	c.t.Helper()
	m := op("4", c.intent)
	c.put(m, entries.StepReconciled{How: entries.ByPlan, Verdict: "partly", Next: "roll_back", Statement: "the cockpit is gone"})
	m.Ref = audit.Ref(p.Seq)
	sealed := must[audit.Sealed](c.t)(c.l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{PlanSHA256: digest}}))
	m.Ref, m.Target = audit.Ref(sealed.Seq()), "blue"
	text := "ALTER DATABASE orders RESET default_transaction_read_only"
	if part == entries.PartMain {
		text = stmtText
	}
	b := c.put(m, entries.StmtBegin{I: 1, Part: part, Verb: "sql", Text: text, Tag: sealed.Tag(1)})
	m.Ref, m.OK = audit.Ref(b.Seq), audit.OK(true)
	c.put(m, entries.StmtEnd{Outcome: entries.Done})
	m.Ref, m.Target, m.OK = audit.Ref(sealed.Seq()), "", audit.OK(false)
	c.put(m, entries.StepOutcome{Outcome: entries.Refused, Why: "taken back"})
	c.put(system, entries.SessionSuspend{Reason: "done"})
}

// again has the operator take the session up and close it.
func (c *crew) again() {
	c.t.Helper()
	c.l.Release()
	c.l, _ = resume(c.t, c.dir, c.options())
}

// TestAStandbyTakesBackAndNothingElse: what a process did with a key that the
// operator endorsed ahead stands in a record of full level; with that key nothing
// else can be done, nor by anybody without it.
func TestAStandbyTakesBackAndNothingElse(t *testing.T) {
	p := people(t)
	good := func(c *crew, s *standsBy) {
		s.endorse()
		plan, digest := c.held()
		s.stands(nil)
		c.back(plan, digest, entries.PartAbort)
		c.again()
	}
	for _, row := range []struct {
		name  string
		night func(c *crew, s *standsBy)
		exit  int
		codes []string
	}{
		{"taken back", good, 0, nil},
		{"taken back at the second try", func(c *crew, s *standsBy) {
			s.endorse()
			plan, digest := c.held()
			s.stands(nil)
			c.put(system, entries.SessionSuspend{Reason: "a server was away"})
			s.stands(func(b *entries.SessionResume) { b.Standby = nil })
			c.back(plan, digest, entries.PartAbort)
			c.again()
		}, 0, nil},
		{"a step is run", func(c *crew, s *standsBy) {
			s.endorse()
			plan, digest := c.held()
			s.stands(nil)
			c.back(plan, digest, entries.PartMain)
			c.again()
		}, 3, []string{"R48-standby", "stmt.begin under the standby's key", "R34-approval-missing"}},
		{"a new plan is run", func(c *crew, s *standsBy) {
			s.endorse()
			s.stands(nil)
			c.walk("3.1", "CHANGE", 0)
			c.again()
		}, 3, []string{"step.plan under the standby's key", "step.intent under the standby's key"}},
		{"a person's word is given", func(c *crew, s *standsBy) {
			s.endorse()
			s.stands(nil)
			c.skip()
			c.again()
		}, 3, []string{"step.skipped under the standby's key", "approval.granted under the standby's key"}},
		{"the session is closed", func(c *crew, s *standsBy) {
			s.endorse()
			s.stands(nil)
		}, 3, []string{"session.close under the standby's key"}},
		{"used again", func(c *crew, s *standsBy) {
			good(c, s)
			s.stands(nil)
		}, 1, []string{"E23-endorsement-scope", "no endorsement that still counts stands there"}},
		{"used after the operator came back", func(c *crew, s *standsBy) {
			s.endorse()
			c.again()
			s.stands(nil)
		}, 1, []string{"E23-endorsement-scope"}},
		{"an older one than the newest", func(c *crew, s *standsBy) {
			s.endorse()
			c.standsBy().endorse()
			s.stands(nil)
		}, 1, []string{"E23-endorsement-scope"}},
		{"another key than the endorsed", func(c *crew, s *standsBy) {
			s.endorse()
			s.key = c.standsBy().key
			s.stands(nil)
		}, 1, []string{"E23-endorsement-scope", "that is another key"}},
		{"no key of an endorsement", func(c *crew, s *standsBy) {
			s.stands(nil)
		}, 1, []string{"E23-endorsement-scope"}},
		{"as another person", func(c *crew, s *standsBy) {
			s.endorse()
			c.put(system, entries.IdentityBound{Person: carol, Name: "C", Role: "operator", How: "login"})
			c.l.Release()
			o := options(c.clock)
			o.Standby = s.key
			o.First = func(op audit.Opening) audit.Line {
				l := first(op)
				b := l.Body.(entries.SessionResume)
				b.Standby = &s.seq
				return audit.Line{Meta: audit.Meta{By: carol}, Body: b}
			}
			c.l, _ = resume(t, c.dir, o)
		}, 1, []string{"E23-endorsement-scope", "it was given by alice@example, the entry is by carol@example"}},
		{"endorsed for another segment", func(c *crew, s *standsBy) {
			s.told = func(v map[string]string) { v["segment"] = "3" }
			s.endorse()
		}, 1, []string{"E23-endorsement-scope", `endorsement is for segment "3", here it is "2"`}},
		{"endorsed in another place", func(c *crew, s *standsBy) {
			s.told = func(v map[string]string) { v["after"] = "1 " + strings.Repeat("0", 64) }
			s.endorse()
		}, 1, []string{"E23-endorsement-scope", "endorsement is for after"}},
		{"endorsed by somebody else", func(c *crew, s *standsBy) {
			s.sign = c.bob
			s.endorse()
		}, 1, []string{"E22-operator"}},
		{"a session key's endorsement in its place", func(c *crew, s *standsBy) {
			s.kind = audit.Endorsement
			s.endorse()
		}, 1, []string{"E20-endorsement", `it is a text of kind "session key endorsement"`}},
		{"a segment that nobody endorsed", func(c *crew, _ *standsBy) {
			c.l.Release()
			c.l, _ = resume(t, c.dir, options(c.clock))
			c.again()
		}, 4, []string{"E21-operator-key", "nobody endorsed the key that seals segment 2"}},
		{"the operator's ratchet goes on by itself", func(c *crew, s *standsBy) {
			c.l.Release()
			o := c.options()
			o.Standby = s.key // the program keeps the key in force, as only a standby may
			c.l, _ = resume(t, c.dir, o)
			s.stands(func(b *entries.SessionResume) { b.Standby = nil })
			c.again()
		}, 4, []string{"nobody endorsed the key that seals segment 3"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newCrew(t, p)
			c.t = t
			c.introduce()
			row.night(c, c.standsBy())
			if row.exit != 1 { // such a record is not even resumed
				c.close()
			}
			r := c.check(noVouch)
			expect(t, r, row.exit, row.codes...)
			if row.exit == 0 && (!r.Levels[1].Met || !strings.Contains(r.Levels[1].Text, "segment 2 by the standby that the operator endorsed ahead")) {
				t.Errorf("level %q", r.Levels[1].Text)
			}
			if row.exit != 0 && row.exit != 3 && r.Levels[1].Met {
				t.Errorf("L1 is met: %q", r.Levels[1].Text)
			}
		})
	}
}

// TestAWitnessFollowsAStandby: it goes on with what the operator endorsed ahead,
// across its own restarts, and with nothing else of that kind.
func TestAWitnessFollowsAStandby(t *testing.T) {
	for _, forged := range []bool{false, true} {
		c := newCrew(t, people(t))
		c.introduce()
		s := c.standsBy()
		s.endorse()
		o := audit.VerifyOptions{Types: entries.Types(), Origin: origin, Signers: c.signers}
		size := c.l.Head().Size + 1
		was, _, err := audit.Follow(audit.Followed{}, o, must[[]byte](t)(audit.RawLines(c.dir, 0, size)))
		if err != nil {
			t.Fatal(err)
		}
		if forged {
			s.key = c.standsBy().key
		}
		s.stands(nil)
		_, _, err = audit.Follow(was, o, must[[]byte](t)(audit.RawLines(c.dir, size, c.l.Head().Size+1)))
		if forged != (err != nil) {
			t.Errorf("forged %v: %v", forged, err)
		}
	}
}

// TestAStandbyOfAFencedSegmentIsUsedUp: nobody knows which key was in force when
// the disk failed.
func TestAStandbyOfAFencedSegmentIsUsedUp(t *testing.T) {
	c := newCrew(t, people(t))
	s := c.standsBy()
	s.endorse()
	c.l.Release()
	o := options(c.clock)
	o.Standby = s.key
	left, writes := 1000, 0
	o.OpenFile = func(path string) (audit.File, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_EXCL, 0o600)
		return badFile{File: plainFile{f}, fail: &left, how: "lost", writes: &writes}, err
	}
	before := s.key.VKey()
	c.l, _ = resume(t, c.dir, o)
	left = 1
	if _, err := c.l.Append(op("", -1), entries.HoldBegin{Reason: "x"}); !errors.Is(err, audit.ErrFenced) {
		t.Fatal(err)
	}
	c.l.Release()
	if got := s.key.VKey(); got != "" || before == "" {
		t.Errorf("the key is %q, it was %q", got, before)
	}
}
