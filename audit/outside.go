package audit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"
)

// Kinds of anchors.
const (
	AnchorTicket  = "ticket"
	AnchorWitness = "witness"
	AnchorTSA     = "tsa"
	AnchorS3      = "s3"
	AnchorServer  = "server"
	// AnchorEvidence is no word for a head: copies of evidence files lie elsewhere.
	AnchorEvidence = "evidence"
)

// Vouch is what somebody outside said about the record, and what verify compares
// it with. Exactly one of Root, Leaf, SHA256 and Evidence is set, or Fault.
type Vouch struct {
	Kind string
	Name string // kind and name together count once
	Seer string // in a sentence: "witness bob", "timestamp authority"
	At   time.Time
	File string // where it stands, relative to the record or as it was given
	Line int

	Size     int64  // it speaks of the first Size entries
	Root     *Hash  // their root
	Leaf     string // or the beginning of the leaf hash of entry Size-1, in hex
	Action   int64  // with Leaf: the action in the tag
	First    int64  // or, with SHA256: entries First to Size-1 as they were copied
	SHA256   string
	Evidence string // or the hash of an evidence file: a copy of it has these bytes
	Origin   string // empty: it does not say
	Until    time.Time

	Fault *Finding // it was found and does not check, or nobody is known to check it with
}

// outside gathers, during the walk, what the vouches are to be compared with. It
// holds only what is asked for.
type outside struct {
	vouches []Vouch
	roots   map[int64]Hash
	leaves  map[int64]Hash
	spans   []*span // by First; those before next have begun
	next    int
	active  []*span
	sums    map[int]string // by vouch
	good    []Vouch
	copies  map[string]Vouch // of evidence files, by hash
}

type span struct {
	vouch       int
	first, last int64
	sum         hash.Hash
	withheld    bool
}

func newOutside(vs []Vouch) outside {
	o := outside{vouches: vs, roots: map[int64]Hash{}, leaves: map[int64]Hash{}, sums: map[int]string{}, copies: map[string]Vouch{}}
	for i, v := range vs {
		switch {
		case v.Fault != nil:
		case v.Evidence != "":
			o.copies[v.Evidence] = v
		case v.Root != nil:
			o.roots[v.Size] = Hash{}
		case v.Leaf != "":
			o.leaves[v.Size-1] = Hash{}
		default:
			o.spans = append(o.spans, &span{vouch: i, first: v.First, last: v.Size - 1})
		}
	}
	slices.SortFunc(o.spans, func(a, b *span) int { return cmp.Compare(a.first, b.first) })
	return o
}

// line sees every good line in order.
func (o *outside) line(e Entry, raw []byte, t *tree) {
	if _, ok := o.roots[t.size]; ok {
		o.roots[t.size] = t.root()
	}
	if _, ok := o.leaves[e.Seq]; ok {
		o.leaves[e.Seq] = e.Leaf
	}
	for o.next < len(o.spans) && o.spans[o.next].first <= e.Seq {
		s := o.spans[o.next]
		o.next++
		if s.first == e.Seq {
			s.sum = sha256.New()
			o.active = append(o.active, s)
		}
	}
	o.active = slices.DeleteFunc(o.active, func(s *span) bool {
		s.sum.Write(raw)
		s.sum.Write([]byte{'\n'})
		s.withheld = s.withheld || e.Type == typeRedacted
		if s.last > e.Seq {
			return false
		}
		if !s.withheld { // a copy cannot be compared with a line that is not here
			o.sums[s.vouch] = hex.EncodeToString(s.sum.Sum(nil))
		}
		return true
	})
}

// compare asks every vouch whether this is the record it saw.
func (w *walker) compare() {
	for i, v := range w.outside.vouches {
		switch {
		case v.Fault != nil:
			w.add(*v.Fault)
		case v.Evidence != "": // says nothing about entries
		case w.broken || w.stopped:
			// There is no root to compare with; the break is a finding already.
		case v.Origin != "" && v.Origin != w.origin:
			w.vouchFault(v, "E42-rewritten", fmt.Sprintf("%s speaks of the log %s, this one is %s", v.Seer, v.Origin, w.origin))
		case v.Size > w.count:
			w.vouchFault(v, "E41-truncated", v.truncated(w.count))
		default:
			sum, whole := w.outside.sums[i]
			if msg, code := w.differs(v, sum); v.SHA256 != "" && !whole {
				w.skipped = append(w.skipped, fmt.Sprintf("%s: entries %d to %d are not all here", v.Seer, v.First, v.Size-1))
			} else if msg != "" {
				w.vouchFault(v, code, msg)
			} else {
				w.outside.good = append(w.outside.good, v)
			}
		}
	}
}

func (w *walker) vouchFault(v Vouch, code, msg string) {
	w.add(Finding{Sev: Tampered, Code: code, File: v.File, Line: v.Line, Msg: msg})
}

func (v Vouch) at() string { return v.At.UTC().Format(time.RFC3339) }

func (v Vouch) truncated(have int64) string {
	if v.Kind == AnchorTicket {
		return fmt.Sprintf("the ticket's head has %d entries, this log has %d: the end was cut off", v.Size, have)
	}
	return fmt.Sprintf("%s saw %d entries at %s, this log has %d: the end was cut off", v.Seer, v.Size, v.at(), have)
}

func (w *walker) differs(v Vouch, sum string) (msg, code string) {
	switch {
	case v.Root != nil && w.outside.roots[v.Size] != *v.Root:
		if v.Kind == AnchorTicket {
			return fmt.Sprintf("the ticket's head at %d entries is not this log's: the log was rewritten", v.Size), "E42-rewritten"
		}
		return fmt.Sprintf("%s saw another history at %d entries (%s): the log was rewritten", v.Seer, v.Size, v.at()), "E42-rewritten"
	case v.Leaf != "" && !strings.HasPrefix(w.outside.leaves[v.Size-1].String(), v.Leaf):
		return fmt.Sprintf("server log %s:%d carries n=%d h=%s, entry %d hashes to %.32s: the log was rewritten",
			v.File, v.Line, v.Size-1, v.Leaf, v.Size-1, w.outside.leaves[v.Size-1]), "E45-tag"
	case v.SHA256 != "" && sum != v.SHA256:
		return fmt.Sprintf("%s has other bytes than entries %d to %d", v.Seer, v.First, v.Size-1), "E44-worm"
	}
	return "", ""
}

// seers are the outsiders who accepted a head, each with the largest one.
func (o *outside) seers() []Vouch {
	best := map[string]Vouch{}
	for _, v := range o.good {
		key := v.Kind + " " + v.Name
		if b, ok := best[key]; !ok || v.Size > b.Size {
			best[key] = v
		}
	}
	var out []Vouch
	for _, v := range best {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Vouch) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return out
}

// covered is the largest size that at least quorum outsiders accepted.
func (o *outside) covered(quorum int) int64 {
	s := o.seers()
	if quorum < 1 || len(s) < quorum {
		return 0
	}
	return s[quorum-1].Size
}

// TicketVouch is a head that was written into a change ticket.
func TicketVouch(h Head) Vouch {
	return Vouch{Kind: AnchorTicket, Name: "ticket", Seer: "the ticket", Size: h.Size, Root: &h.Root, Origin: h.Origin}
}
