package report

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// Request is what a person wants to sign about a record that is closed.
type Request struct {
	Kind     audit.StatementKind // Countersign, LateApproval or Erasure
	Waiver   int64               // of a late approval: seq of the approval.waived
	Verdict  string              // of a late approval: Approved or NotApproved
	Evidence string              // of an erasure: the name of the evidence file
	Reason   string              // of an erasure
	As, Name string              // principal of the signer; the name may be empty
	At       time.Time           // when the text is made; the key must be allowed then
}

// The verdicts of a late approval. Both settle what was owed.
const (
	Approved    = "approved"
	NotApproved = "not approved"
)

// The sentences that people agree to with these signatures.
const (
	meansCountersign = "I have read the report of this record and vouch that this is its last head."
	meansLate        = "I have read what was done without the approval it needed, and this is my verdict on it."
	meansErasure     = "I have this evidence erased; its hash stays in the record."
)

// Refusal says why a text is not made, and what to do instead.
type Refusal struct{ Why, Next string }

func (r *Refusal) Error() string { return r.Why }

// NextMove is one sentence for the person at the keyboard.
func (r *Refusal) NextMove() string { return r.Next }

// Paper is a text to sign and the name under which verify looks for it in the
// folder after/ of the record.
type Paper struct {
	Name, Text string
	Namespace  string
}

// fileSafe are principals that can stand in a file name as they are. A comma or
// a blank would also split the line of an allowed_signers file.
var fileSafe = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9@._+=-]{0,127}$`)

// Paper makes the exact bytes that verify expects signed. It refuses what verify
// would refuse, so that nobody signs in vain.
func (n *Night) Paper(r Request) (Paper, error) {
	if !fileSafe.MatchString(r.As) {
		return Paper{}, &Refusal{fmt.Sprintf("%q cannot be the principal of a signer", r.As), "give it as it stands in the allowed_signers file, such as bob@bank.example"}
	}
	switch {
	case n.Verified.Verdict == "TAMPERED": // a broken rule is part of the night and may be vouched for
		return Paper{}, &Refusal{"the record does not verify: TAMPERED", "turquoise verify says what is wrong; nobody should put a name under it"}
	case n.Close == nil:
		return Paper{}, &Refusal{"the session is not closed: its head still moves", "sign in the cockpit, or close the session first: turquoise resume"}
	}
	if r.Name == "" {
		r.Name = n.nameOf(r.As)
	}
	s := audit.Statement{Kind: r.Kind, Values: map[string]string{"origin": n.Open.Origin, "session": n.Sid,
		"name": r.Name, "at": r.At.UTC().Truncate(time.Second).Format(time.RFC3339)}}
	var err error
	p := Paper{Namespace: r.Kind.Namespace()}
	switch r.Kind {
	case audit.Countersign:
		p.Name, err = n.countersign(s.Values, r)
	case audit.LateApproval:
		p.Name, err = n.late(s.Values, r)
	case audit.Erasure:
		p.Name, err = n.erasure(s.Values, r)
	default:
		return Paper{}, fmt.Errorf("bug: a %s is not signed after the close", r.Kind)
	}
	if err == nil {
		p.Text, err = s.Text()
	}
	if err != nil {
		return Paper{}, err
	}
	if _, err := os.Stat(filepath.Join(n.Dir, "after", p.Name)); err == nil {
		return Paper{}, &Refusal{"after/" + p.Name + " is in the record already", "turquoise verify says whether it is good; take it away to sign anew"}
	}
	return p, nil
}

func (n *Night) nameOf(principal string) string {
	for _, p := range n.People {
		if p.Principal == principal && p.Name != "" {
			return p.Name
		}
	}
	return principal
}

// operated reports whether a person ran any part of the session.
func (n *Night) operated(principal string) bool {
	return slices.ContainsFunc(n.Entries, func(l Line) bool {
		switch b := l.Body.(type) {
		case entries.SessionOpen, entries.SessionResume:
			return l.By == principal
		case entries.SessionHandover:
			return l.By == principal || b.From == principal || b.To == principal
		}
		return false
	})
}

func (n *Night) countersign(v map[string]string, r Request) (string, error) {
	if n.operated(r.As) {
		return "", &Refusal{r.As + " operated this session: a countersignature is by somebody who did not", "ask another person"}
	}
	last := filepath.Join(n.Dir, fmt.Sprintf("%04d.jsonl", n.Entries[len(n.Entries)-1].Seg))
	raw, err := os.ReadFile(last)
	if err != nil {
		return "", &audit.Error{Op: "read record", Object: last, Err: err}
	}
	sum := sha256.Sum256(raw)
	v["head"] = fmt.Sprintf("%d %s", n.Verified.Head.Size, n.Verified.Head.Root)
	v["last-segment-sha256"] = hex.EncodeToString(sum[:])
	v["person"], v["meaning"] = r.As, meansCountersign
	return "countersign-" + r.As + ".txt", nil
}

func (n *Night) late(v map[string]string, r Request) (string, error) {
	if n.operated(r.As) {
		return "", &Refusal{r.As + " operated this session and cannot approve it", "ask another person"}
	}
	if r.Verdict != Approved && r.Verdict != NotApproved {
		return "", &Refusal{fmt.Sprintf("%q is no verdict", r.Verdict), `say --verdict approved or --verdict "not approved"; both settle what is owed`}
	}
	w, digest, err := n.waiver(r.Waiver)
	if err != nil {
		return "", err
	}
	out := n.outcomeUnder(r.Waiver)
	if out == nil {
		return "", &Refusal{fmt.Sprintf("nothing was run under the waiver at entry %d: there is no outcome to judge", r.Waiver), "the report shows what became of the step"}
	}
	v["waiver"], v["outcome"] = lineName(w), lineName(*out)
	v["plan-sha256"], v["verdict"], v["approver"], v["meaning"] = digest, r.Verdict, r.As, meansLate
	return fmt.Sprintf("late-%d-%s.txt", r.Waiver, r.As), nil
}

func lineName(l Line) string { return fmt.Sprintf("%d %s", l.Seq, l.Leaf) }

// waiver finds a waiver that is still owed an approval, and the plan that was
// waived through.
func (n *Night) waiver(seq int64) (Line, string, error) {
	owed := n.owed()
	if !slices.Contains(owed, seq) {
		next := "no approval is owed in this record"
		if len(owed) > 0 {
			next = fmt.Sprintf("owed are approvals for the waivers at %v", owed)
		}
		return Line{}, "", &Refusal{fmt.Sprintf("entry %d is no waiver that an approval is owed for", seq), next}
	}
	l := n.Entries[seq]
	b, ok := l.Body.(entries.ApprovalWaived)
	if !ok {
		return Line{}, "", errors.New("bug: the entry that is owed for is no waiver")
	}
	s, err := audit.ParseStatement(b.Statement)
	if err != nil {
		return Line{}, "", fmt.Errorf("waiver at entry %d: %w", seq, err)
	}
	return l, s.Values["plan-sha256"], nil
}

// owed lists the waivers that verify still wants an approval for.
func (n *Night) owed() []int64 {
	var out []int64
	for _, f := range n.Verified.Findings {
		if f.Code == "I58-owed" && f.Seq != nil {
			out = append(out, *f.Seq)
		}
	}
	return out
}

// outcomeUnder is the outcome of what was sent under a waiver.
func (n *Night) outcomeUnder(waiver int64) *Line {
	intents := map[int64]bool{}
	var out *Line
	for i, l := range n.Entries {
		switch b := l.Body.(type) {
		case entries.StepIntent:
			if b.Waiver != nil && *b.Waiver == waiver {
				intents[l.Seq] = true
			}
		case entries.StepOutcome, entries.StepReconciled:
			if l.Ref != nil && intents[*l.Ref] {
				out = &n.Entries[i]
			}
		}
	}
	return out
}

func (n *Night) erasure(v map[string]string, r Request) (string, error) {
	named := slices.ContainsFunc(n.Entries, func(l Line) bool {
		if e, ok := l.Body.(audit.Named); ok && slices.Contains(e.EvidenceNames(), r.Evidence) {
			return true
		}
		return slices.Contains(evidenceOf(l), r.Evidence)
	})
	if !named {
		return "", &Refusal{fmt.Sprintf("no entry names evidence %.80s", r.Evidence), "give the whole name of the file in evidence/, 64 hex digits"}
	}
	if r.Reason == "" {
		return "", &Refusal{"an erasure without a reason", "add --reason; it is signed and stays"}
	}
	v["evidence"], v["reason"], v["person"], v["meaning"] = r.Evidence, r.Reason, r.As, meansErasure
	return "erasure-" + r.Evidence + ".txt", nil
}
