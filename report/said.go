package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// Said is one thing that a person answered, wrote or took over, or that the
// cockpit told people by itself.
type Said struct {
	Seq            int64
	At             time.Time
	Step, By, Kind string
	What           string
	Bad            bool
}

// Said lists what people said and heard over the night, in the record's order.
func (n *Night) Said() []Said {
	var out []Said
	for _, l := range n.Entries {
		if s, ok := l.said(); ok {
			out = append(out, s)
		}
	}
	return out
}

func (l Line) said() (Said, bool) {
	s := Said{Seq: l.Seq, At: l.Time, Step: l.Step, By: l.By}
	switch b := l.Body.(type) {
	case entries.PollAnswer:
		answer := "go"
		if l.OK == nil || !*l.OK {
			answer, s.Bad = "NO-GO", true
		}
		s.Kind, s.What = "poll", fmt.Sprintf("%s: %s (%s)%s", b.Desk, answer, b.Question, tail(b.Comment))
		if b.ByVoice {
			s.What += ", told by voice"
		}
	case entries.Note:
		s.Kind, s.What = "note", b.Text
	case entries.SessionHandover:
		s.Kind, s.What = "hand-over", "from "+b.From+" to "+b.To+tail(b.Reason)
	case entries.SessionStandby:
		s.Kind, s.What = "dead-man", "its key is endorsed: it may take the window back, and nothing else"
	case entries.SessionSuspend:
		s.Kind, s.What = "suspended", b.Reason
	case entries.SessionResume:
		s.Kind, s.What = "resumed", "after "+b.After+tail(b.Reason)
		if b.Standby != nil {
			s.What += fmt.Sprintf(" (under the key endorsed at entry %d)", *b.Standby)
		}
	case entries.HoldBegin:
		s.Kind, s.What = "hold", "begins"+tail(b.Reason)
	case entries.HoldEnd:
		s.Kind, s.What = "hold", "ends"+tail(b.Reason)
	case entries.AlarmRaised:
		s.Kind, s.What, s.Bad = "alarm", b.Level+": "+b.Text, b.Level == "warning"
	case entries.AlarmAcked:
		s.Kind, s.What = "alarm", "seen: "+b.Text
	case entries.CommandDenied:
		s.Kind, s.What = "refused", b.Command+tail(b.Why)
	case entries.ViewDetail:
		s.Kind, s.What = "looked", fmt.Sprintf("%d rows of %s on a screen", b.Rows, b.What)
	case entries.ApprovalWaived:
		s.Kind, s.What, s.Bad = "waiver", b.Reason, true
	default:
		return s, false
	}
	return s, true
}

// Late is a text that somebody signed after the close and that verify found good.
type Late struct {
	File   string `json:"file"`
	Kind   string `json:"kind"`
	By     string `json:"by"`
	Name   string `json:"name"`
	At     string `json:"at"`
	What   string `json:"what"`
	Key    string `json:"key"`    // fingerprint, and touch or PIN of a hardware key
	Waiver int64  `json:"waiver"` // of a late approval; else -1
}

// readAfter takes the texts in after/ that no finding of verify names. Without a
// list of signers the signatures are unproven, as the report's head says.
func (n *Night) readAfter() []Late {
	root := os.DirFS(n.Dir)
	files, err := fs.Glob(root, "after/*.txt")
	if err != nil || n.Close == nil {
		return nil // verify does not read them before the close either
	}
	var out []Late
	for _, name := range files {
		l, err := n.lateText(root, name)
		if err == nil {
			out = append(out, l)
		}
	}
	return out
}

var errFinding = errors.New("verify has something against it")

func (n *Night) lateText(root fs.FS, name string) (Late, error) {
	for _, f := range n.Verified.Findings {
		if f.File == name {
			return Late{}, errFinding
		}
	}
	raw, err := fs.ReadFile(root, name)
	if err != nil {
		return Late{}, err
	}
	armored, err := fs.ReadFile(root, name+".sig")
	if err != nil {
		return Late{}, err
	}
	sig, err := audit.ParseSSHSignature(string(armored))
	if err != nil {
		return Late{}, err
	}
	s, err := audit.ParseStatement(string(raw))
	if err != nil {
		return Late{}, err
	}
	k := sig.Details()
	l := Late{File: path.Base(name), Kind: string(s.Kind), By: s.Signer(), Name: s.Values["name"], At: s.Values["at"], Waiver: -1,
		Key: keyText(&entries.Key{FP: k.FP, Touch: k.Touch, Pin: k.Pin})}
	switch s.Kind {
	case audit.LateApproval:
		if _, err := fmt.Sscanf(s.Values["waiver"], "%d ", &l.Waiver); err != nil {
			return Late{}, err
		}
		l.What = fmt.Sprintf("verdict on the waiver at entry %d: %s", l.Waiver, s.Values["verdict"])
	case audit.Countersign:
		l.What = "the head " + strings.SplitN(s.Values["head"], " ", 2)[0] + ": " + s.Values["meaning"]
	case audit.Erasure:
		l.What = "evidence " + s.Values["evidence"] + " erased: " + s.Values["reason"]
	}
	return l, nil
}

// settled says what became of a waiver: the verdict that came later, or that it
// is still owed. Empty: it was settled inside the record.
func (n *Night) settled(seq int64) string {
	for _, l := range n.After {
		if l.Waiver == seq {
			return l.What + " by " + l.By
		}
	}
	for _, o := range n.owed() {
		if o == seq {
			return "STILL OWED: nobody has signed for it since"
		}
	}
	return ""
}
