package session

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/steps"
)

// People is who may sign in a session, and with what its operator signs. The
// zero value is a session without signatures: the record says that nobody
// endorsed it, and a step that needs a second person does not run.
type People struct {
	Signers *audit.AllowedSigners // who may sign; nil: nobody can approve
	Key     ssh.Signer            // of the operator; nil: the session is not endorsed
	Name    string                // printed name of the operator; empty: the principal
	Hint    string                // of a demo: where the key of the second person lies
	// Open gives the keys behind a path that a person at this keyboard names: one
	// of a key file, all of an agent's socket. Nil: nobody can sign here.
	Open func(path, passphrase string) ([]ssh.Signer, error)
	// Agent lists the keys of the operator's own agent. Nil: there is no agent.
	Agent func() ([]ssh.PublicKey, error)
}

func (c *Config) operatorName() string {
	if c.People.Name != "" {
		return c.People.Name
	}
	return c.Person
}

// keyEntry is a key as the record keeps it.
func keyEntry(d audit.KeyDetails) entries.Key {
	return entries.Key{CertID: d.CertID, Counter: d.Counter, FP: d.FP, Kind: d.Kind, Pin: d.Pin, Touch: d.Touch}
}

// endorsed is an operator's signature over the key that seals the record.
type endorsed struct {
	text, signature string
	key             *entries.Key
}

const meansEndorse = "I operate this session; this key seals its log on my behalf."

// meaning is what an operator says by endorsing a key.
func meaning(kind audit.StatementKind) string {
	if kind == audit.StandbyEndorsement {
		return meansStandby
	}
	return meansEndorse
}

// endorse signs the session key of an opening with a person's key. Without one
// nothing is signed, and nothing is claimed.
func (s *Session) endorse(op audit.Opening, kind audit.StatementKind, who, name string, key ssh.Signer) (endorsed, error) {
	if key == nil {
		return endorsed{}, nil
	}
	text, err := audit.Statement{Kind: kind, Values: map[string]string{
		"origin": op.Origin, "session": op.Sid, "segment": fmt.Sprint(op.Segment), "after": fmt.Sprintf("%d %s", op.Seq, op.Prev),
		"key": op.VKey, "operator": who, "name": name, "at": stamp(s.cfg.Now()), "meaning": meaning(kind)}}.Text()
	if err != nil {
		return endorsed{}, err
	}
	sig, d, err := s.sign(key, audit.NamespaceSession, text)
	if err != nil {
		return endorsed{}, err
	}
	if a := s.cfg.People.Signers; a != nil {
		if err := a.Allow(key.PublicKey(), who, audit.NamespaceSession, s.cfg.Now()); err != nil {
			return endorsed{}, &audit.Error{Op: "endorse session", Object: who, Err: err, Next: "operate under the name that the signers file gives your key"}
		}
	}
	k := keyEntry(d)
	return endorsed{text, sig, &k}, nil
}

// sign gives the signature of a text and what it says about the key: of a
// hardware key, whether somebody touched it.
func (s *Session) sign(key ssh.Signer, namespace, text string) (string, audit.KeyDetails, error) {
	s.asking.Store(s.cfg.Now().Add(signLimit).UnixNano())
	defer s.asking.Store(0)
	sig, err := audit.SignSSH(s.cfg.Record.Rand, key, namespace, []byte(text))
	if err != nil {
		return "", audit.KeyDetails{}, &audit.Error{Op: "sign", Object: namespace, Err: err, Next: "unlock or touch the key, then try again"}
	}
	parsed, err := audit.ParseSSHSignature(sig)
	if err != nil {
		return "", audit.KeyDetails{}, err
	}
	return sig, parsed.Details(), nil
}

func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// signersSum names the file of the people who may sign; "-" without one.
func (s *Session) signersSum() string {
	if s.cfg.People.Signers == nil {
		return "-"
	}
	return s.cfg.People.Signers.SHA256
}

// bindOperator says who operates, and by what that is known. s.mu is held.
func (s *Session) bindOperator(who, name string, key *entries.Key) steps.Event {
	b := entries.IdentityBound{Person: who, Name: name, Role: "operator", How: "login"}
	if key != nil {
		b.How, b.KeyFP, b.KeyKind = "signature", key.FP, key.Kind
	}
	return steps.Event{Meta: audit.Meta{By: audit.System}, Body: b}
}

// policy fixes what each step asks of people, before the first of them.
func (s *Session) policy() steps.Event {
	return steps.Event{Meta: audit.Meta{By: audit.System}, Body: entries.PolicySet{MaxSkewMS: 500, Steps: steps.Policies(s.cfg.Book, s.cfg.Stepwise)}}
}

// takeOver writes what follows from a resume by another person than the one who
// operated before: the place is handed over, with the reason. s.mu is held.
func (s *Session) takeOver(reason string) error {
	evs := []steps.Event{}
	if !slices.Contains(s.state.People, s.cfg.Person) {
		evs = append(evs, s.bindOperator(s.cfg.Person, s.cfg.operatorName(), s.opKey))
	}
	if s.state.Operator != s.cfg.Person {
		evs = append(evs, steps.Event{Meta: audit.Meta{By: s.cfg.Person},
			Body: entries.SessionHandover{From: s.state.Operator, To: s.cfg.Person, Reason: reason}})
	}
	if is := s.signersSum(); is != s.state.Signers && s.cfg.Standby == nil { // a dead-man takes nobody's signature
		evs = append(evs, steps.Event{Meta: audit.Meta{By: s.cfg.Person}, Body: entries.Deviation{
			What: fmt.Sprintf("resumed with another file of the people who may sign: was %.12s, is %.12s", s.state.Signers, is), Reason: reason}})
	}
	if len(evs) == 0 {
		return nil
	}
	_, err := s.commit(evs...)
	return err
}

// handOver makes another person at this keyboard the operator: with a key of the
// own where there is one, and with the consent of the one who leaves. s.mu is held.
func (s *Session) handOver(evs []steps.Event, key ssh.Signer) error {
	ev := evs[len(evs)-1]
	b := ev.Body.(entries.SessionHandover)
	bound := s.bindOperator(b.To, b.To, nil)
	if key != nil {
		k := keyEntry(audit.DetailsOf(key.PublicKey()))
		bound = s.bindOperator(b.To, b.To, &k)
	}
	if !slices.Contains(s.state.People, b.To) {
		if _, err := s.commit(bound); err != nil {
			return err
		}
	}
	switch {
	case key != nil:
		es, err := s.log.Handover(func(op audit.Opening) audit.Line {
			full, err := s.signHandover(op, b, key)
			ev.Body = full
			return audit.Line{Meta: ev.Meta, Body: full, Err: err}
		})
		if err != nil {
			s.fault(err)
			return err
		}
		s.adopt([]steps.Event{ev}, es)
	case s.cfg.People.Key != nil:
		return &steps.Refusal{Why: "this session is endorsed: its next operator signs too", Next: "name a key file or the socket of an agent"}
	default:
		if _, err := s.commit(ev); err != nil {
			return err
		}
	}
	s.cfg.Person, s.cfg.People.Name, s.cfg.People.Key, s.cfg.People.Agent = b.To, b.To, key, nil
	s.changed()
	return nil
}

// holdsToken says whether a person operates: the one whom the record names and
// nobody else, whatever screen is open. s.mu is held.
func (s *Session) holdsToken(who Person) bool {
	return who.Role == "operator" && who.Name == s.state.Operator
}

// signHandover completes a hand-over with the signatures of both.
func (s *Session) signHandover(op audit.Opening, b entries.SessionHandover, key ssh.Signer) (entries.SessionHandover, error) {
	e, err := s.endorse(op, audit.Endorsement, b.To, b.To, key)
	if err != nil {
		return b, err
	}
	b.Endorsement, b.Signature, b.Key, b.VKey = e.text, e.signature, e.key, op.VKey
	if s.cfg.People.Key == nil {
		return b, nil
	}
	b.Consent, err = steps.ConsentText(s.state, fmt.Sprintf("%d %s", op.Seq, op.Prev), b.To, s.cfg.operatorName(), s.cfg.Now())
	if err != nil {
		return b, err
	}
	b.ConsentSignature, _, err = s.sign(s.cfg.People.Key, audit.NamespaceSession, b.Consent)
	return b, err
}
