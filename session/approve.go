package session

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// Sign names a key at this keyboard that is to sign: the path of a key file or
// of an agent's socket. The passphrase is never recorded, shown or kept.
type Sign struct{ Path, Passphrase string }

// requestsDir holds the texts that wait for a signature, one per person who may
// sign, to be signed with `ssh-keygen -Y sign` as they lie there.
const requestsDir = "requests"

// requestFile is the file of one person's text.
func (s *Session) requestFile(r steps.Request, who string) string {
	return filepath.Join(s.cfg.Dir, requestsDir, fmt.Sprintf("%08d-%s.txt", r.Seq, fileWord(who)))
}

// fileWord makes a person's name a part of a file's.
func fileWord(who string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("/\\ \x00", c) {
			return '_'
		}
		return c
	}, who)
}

// mayAsk lists the persons who may approve: all of the signers file but those who
// operate. s.mu is held.
func (s *Session) mayAsk(r steps.Request) []string {
	if s.cfg.People.Signers == nil {
		return nil
	}
	var out []string
	for _, p := range s.cfg.People.Signers.People(audit.NamespaceApproval, s.cfg.Now()) {
		if !contains(s.state.Operators, p) && p != s.state.Author && (len(r.From) == 0 || contains(r.From, p)) {
			out = append(out, p)
		}
	}
	return out
}

func contains(all []string, one string) bool {
	for _, a := range all {
		if a == one {
			return true
		}
	}
	return false
}

// writeRequests puts the texts of a new request beside the record. Without the
// files a signature can still be given at this keyboard, so that they cannot be
// written is shown and stops nothing. s.mu is held.
func (s *Session) writeRequests(evs []steps.Event) {
	for _, e := range evs {
		if e.Body.Type() != "approval.requested" {
			continue
		}
		for _, r := range s.state.Requests {
			if r.Seq != e.Seq {
				continue
			}
			for _, who := range s.mayAsk(r) {
				if err := s.writeRequest(r, who); err != nil {
					s.say(s.cfg.Now(), true, fmt.Sprintf("the text for %s could not be written: %v", who, err))
				}
			}
		}
	}
}

func (s *Session) writeRequest(r steps.Request, who string) error {
	text, err := steps.ApprovalText(s.state, r, who, who)
	if err != nil {
		return err
	}
	name := s.requestFile(r, who)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o600)
}

// signatures opens the keys that a command needs, before the lock is taken: an
// agent or a hardware key may take its time.
func (s *Session) signatures(in *Intent) (signed *steps.Signed, next ssh.Signer, err error) {
	switch c := in.Command.(type) {
	case steps.Approve:
		in.Command, signed, err = s.signature(c, *in)
	case steps.Handover:
		if in.Sign != nil {
			s.mu.Lock()
			people := s.cfg.People
			s.mu.Unlock()
			next, _, err = people.pick(*in.Sign, audit.NamespaceSession, c.To, s.cfg.Now())
		}
	}
	return signed, next, err
}

// denyAlone is deny for what was refused before the lock was taken.
func (s *Session) denyAlone(who Person, in Intent, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	return s.deny(who, in, why)
}

// signature turns what was handed in into a statement, its signature and what is
// known about both. It may ask an agent or a hardware key, so no lock is held.
func (s *Session) signature(c steps.Approve, in Intent) (steps.Approve, *steps.Signed, error) {
	s.mu.Lock()
	people, st, now := s.cfg.People, s.state, s.cfg.Now()
	s.mu.Unlock()
	signers := people.Signers
	if signers == nil {
		return c, nil, nil // Decide says what is missing
	}
	var key ssh.PublicKey
	var err error
	if in.Sign != nil {
		c, key, err = s.signHere(c, *in.Sign, st, people)
	} else {
		c, key, err = match(signers, c, st)
	}
	if err != nil {
		return c, nil, err
	}
	sig, err := audit.ParseSSHSignature(c.Signature)
	if err != nil {
		return c, nil, err
	}
	g := &steps.Signed{Key: keyEntry(sig.Details()), InAgent: people.inAgent(key), Broken: sig.Check(audit.NamespaceApproval, []byte(c.Statement))}
	approver := ""
	if parsed, err := audit.ParseStatement(c.Statement); err == nil {
		approver = parsed.Values["approver"]
	}
	if g.Refused = signers.Allow(key, approver, audit.NamespaceApproval, now); g.Refused == nil {
		g.Who, g.Name = approver, approver
	}
	return c, g, nil
}

// match finds the text that a pasted signature is for: the signature names its
// key, the key its person. The newest request comes first; of none it is the one
// that is told about.
func match(signers *audit.AllowedSigners, c steps.Approve, st steps.State) (steps.Approve, ssh.PublicKey, error) {
	sig, err := audit.ParseSSHSignature(c.Signature)
	if err != nil {
		return c, nil, &steps.Refusal{Why: err.Error(), Next: "paste the whole text of the .sig file"}
	}
	c.Signature = sig.Armor()
	if c.Statement != "" {
		return c, sig.Key, nil
	}
	for _, who := range signers.Owners(sig.Key) {
		if text, ok := matchLate(sig, who, st); ok {
			c.Statement, c.Way = text, steps.WayLate
			return c, sig.Key, nil
		}
	}
	first := ""
	for i := len(st.Requests) - 1; i >= 0; i-- {
		for _, who := range signers.Owners(sig.Key) {
			text, err := steps.ApprovalText(st, st.Requests[i], who, who)
			if err != nil {
				continue
			}
			if sig.Check(audit.NamespaceApproval, []byte(text)) == nil {
				c.Statement = text
				return c, sig.Key, nil
			}
			if first == "" {
				first = text
			}
		}
	}
	if first == "" {
		return c, sig.Key, &steps.Refusal{Why: "key " + audit.DetailsOf(sig.Key).FP + " is not in allowed_signers", Next: "see the signers file that the session was started with"}
	}
	c.Statement = first
	return c, sig.Key, nil
}

// matchLate is match for a verdict on what ran under a waiver.
func matchLate(sig *audit.SSHSignature, owner string, st steps.State) (string, bool) {
	for _, w := range st.Late() {
		for _, verdict := range []string{steps.Approved, steps.NotApproved} {
			text, err := steps.LateText(st, w, verdict, owner, owner)
			if err == nil && sig.Check(audit.NamespaceApproval, []byte(text)) == nil {
				return text, true
			}
		}
	}
	return "", false
}

// signHere signs the open request, or a verdict that is owed, with a key at this
// keyboard.
func (s *Session) signHere(c steps.Approve, in Sign, st steps.State, people People) (steps.Approve, ssh.PublicKey, error) {
	open := -1
	for i, r := range st.Requests {
		if r.Open(s.cfg.Now()) {
			open = i
		}
	}
	if open < 0 && c.Way != steps.WayLate {
		return c, nil, &steps.Refusal{Why: "nothing waits for an approval", Next: "press x or o first"}
	}
	key, who, err := people.pick(in, audit.NamespaceApproval, "", s.cfg.Now())
	if err != nil {
		return c, nil, err
	}
	if c.Way == steps.WayLate {
		c.Statement, err = lateText(st, c.Waiver, c.Verdict, who)
	} else {
		c.Way = "screen"
		c.Statement, err = steps.ApprovalText(st, st.Requests[open], who, who)
	}
	if err != nil {
		return c, nil, err
	}
	c.Signature, _, err = s.sign(key, audit.NamespaceApproval, c.Statement)
	return c, key.PublicKey(), err
}

// pick opens a path and takes the first key behind it that may sign in the
// namespace, as the person asked for if one is.
func (p People) pick(in Sign, namespace, who string, now time.Time) (ssh.Signer, string, error) {
	if p.Open == nil {
		return nil, "", &steps.Refusal{Why: "no key can be opened here", Next: "sign the file beside the record"}
	}
	keys, err := p.Open(in.Path, in.Passphrase)
	if err != nil {
		return nil, "", err
	}
	for _, k := range keys {
		if p.Signers == nil {
			return k, who, nil
		}
		for _, owner := range p.Signers.Principals(k.PublicKey(), namespace, now) {
			if who == "" || owner == who {
				return k, owner, nil
			}
		}
	}
	if len(keys) == 1 { // the signers file says why
		err := p.Signers.Allow(keys[0].PublicKey(), dashed(who), namespace, now)
		return nil, "", &steps.Refusal{Why: fmt.Sprint(err), Next: "see the signers file that the session was started with"}
	}
	return nil, "", &steps.Refusal{Why: fmt.Sprintf("none of the %d keys in %s may sign here", len(keys), in.Path), Next: "name another key file or agent"}
}

func dashed(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// inAgent says whether a key lies in the operator's own agent, where its owner
// cannot be told from the operator. Nil: there is no agent to ask.
func (p People) inAgent(key ssh.PublicKey) *bool {
	if p.Agent == nil {
		return nil
	}
	keys, err := p.Agent()
	if err != nil {
		return nil
	}
	fp := audit.DetailsOf(key).FP
	for _, k := range keys {
		if audit.DetailsOf(k).FP == fp {
			return audit.OK(true)
		}
	}
	return audit.OK(false)
}

// signOwn adds the operator's signature to a command that carries one. s.mu is held.
func (s *Session) signOwn(in *Intent) (err error) {
	switch c := in.Command.(type) {
	case steps.Waive:
		in.Command, err = s.waiver(c)
	case steps.Settle:
		in.Command, err = s.decision(c)
	}
	return err
}

// waiver signs a waiver with the operator's key. s.mu is held.
func (s *Session) waiver(c steps.Waive) (steps.Waive, error) {
	r, ok := s.state.Request(c.Step, steps.ActRun)
	if !ok || s.cfg.People.Key == nil {
		return c, nil // Decide says what is missing
	}
	var err error
	if c.Statement, err = steps.WaiverText(s.state, r, c.Reason, s.cfg.operatorName(), s.cfg.Now()); err != nil {
		return c, err
	}
	c.Signature, _, err = s.sign(s.cfg.People.Key, audit.NamespaceApproval, c.Statement)
	return c, err
}

// decision signs a decision with the operator's key. s.mu is held.
func (s *Session) decision(c steps.Settle) (steps.Settle, error) {
	if id, ok := s.state.Doubt(); !ok || id != c.Step || s.cfg.People.Key == nil {
		return c, nil // Decide says what is wrong; without a key it is a plain word
	}
	var err error
	if c.Statement, err = steps.DecisionText(s.state, c, s.cfg.operatorName(), s.cfg.Now()); err != nil {
		return c, err
	}
	c.Signature, _, err = s.sign(s.cfg.People.Key, audit.NamespaceApproval, c.Statement)
	return c, err
}

// refsOf points a line at the one before it in its batch: a request at the plan,
// or at the check that is to be overridden; the policy at its runbook.
func refsOf(e steps.Event) func([]audit.Entry) (audit.Meta, audit.Body) {
	switch e.Body.(type) {
	case entries.ApprovalRequested, entries.PolicySet:
	default:
		return nil
	}
	return func(batch []audit.Entry) (audit.Meta, audit.Body) {
		m := e.Meta
		if n := len(batch); n > 0 {
			m.Ref = audit.Ref(batch[n-1].Seq)
		}
		return m, e.Body
	}
}

// granted goes on with an override that waited for a signature. s.mu is held.
func (s *Session) granted(evs []steps.Event) error {
	last := evs[len(evs)-1]
	in, ok := s.waiting[refOf(last)]
	if !ok || last.Body.Type() != "approval.granted" {
		return nil
	}
	who := Person{Name: s.state.Operator, Role: "operator"}
	more, err := steps.Decide(s.state, in.Command, s.evidence(who, in))
	if err != nil {
		return err
	}
	if more[len(more)-1].Body.Type() != "check.override" {
		return nil // another signature is still to come
	}
	delete(s.waiting, refOf(last))
	_, err = s.commit(more...)
	return err
}

func refOf(e steps.Event) int64 {
	if e.Ref == nil {
		return -1
	}
	return *e.Ref
}

// remember keeps an override until its signature comes. A cockpit that dies in
// between asks again. s.mu is held.
func (s *Session) remember(evs []steps.Event, in Intent) {
	if _, ok := in.Command.(steps.OverrideGate); !ok {
		return
	}
	for _, r := range s.state.Requests {
		if r.Seq == evs[len(evs)-1].Seq {
			s.waiting[r.Seq] = in
		}
	}
}
