package audit

import (
	"fmt"
	"strings"
	"time"
)

// levels fills in the ladder: the headline is the highest level with all below
// it met, and every row says what it rests on, also when a lower one is missing.
func (w *walker) levels(r *Report) {
	if w.o.Quorum > 0 && len(w.outside.seers()) < w.o.Quorum && w.count > 0 {
		msg := "no witness, timestamp or WORM copy vouches for this log: " + w.alone(0)
		if n := len(w.outside.seers()); n > 0 {
			msg = fmt.Sprintf("only %d of %d required anchors vouch for this log", n, w.o.Quorum)
		}
		w.find(Unverified, "U60-no-anchor", "%s", msg)
		r.Findings = w.findings
		r.judge(w.worst)
	}
	r.Levels = []Level{w.intact(), w.sealedLevel(), w.countersignedLevel(), w.seenLevel(), w.archivedLevel()}
	top := -1
	for i, l := range r.Levels {
		if !l.Met {
			break
		}
		top = i
	}
	switch {
	case top < 0:
		r.Level = "no level"
	case w.people.given == 0:
		r.Level = fmt.Sprintf("level L0 of 4, unendorsed: %d of %d entries under seals of session keys that no person signed for", w.sealed, w.count)
	default:
		r.Level = fmt.Sprintf("level L%d of 4: %s", top, w.evident())
	}
	var also []string
	for i, l := range r.Levels {
		if i > top+1 && l.Met {
			also = append(also, fmt.Sprintf("L%d also holds, L%d does not", i, top+1))
		}
	}
	r.Also = strings.Join(also, "; ")
}

// evident says how far others than the operator vouch for the record, and who
// could have rewritten the rest.
func (w *walker) evident() string {
	quorum := max(w.o.Quorum, 1)
	n, under := w.outside.covered(quorum), "under the anchors below"
	if seers := w.outside.seers(); n == 0 && len(seers) > 0 {
		n, under = seers[0].Size, fmt.Sprintf("under %d of the %d anchors asked for", len(seers), quorum)
	}
	if n == 0 {
		return w.alone(0)
	}
	text := fmt.Sprintf("tamper-evident up to entry %d of %d %s", n-1, w.count-1, under)
	if w.behind(n) {
		text += "; " + w.alone(n)
	}
	return text
}

// behind says whether entries stand behind the first n that no one of them covers:
// the last seal, alone, is bound to those before it by what it signs.
func (w *walker) behind(n int64) bool {
	return n < w.count && !(n == w.head.Size && w.sealed == w.count)
}

// alone says who could have rewritten the entries from one on, without anybody
// outside noticing.
func (w *walker) alone(from int64) string {
	what := "all of it"
	if from > 0 {
		what = fmt.Sprintf("entries %d-%d", from, w.count-1)
	}
	switch {
	case w.o.Signers == nil:
		return "whoever wrote the files could have written " + what + " anew: whose keys these are was not asked"
	case w.people.counter != "":
		return "whoever holds the keys of the operator and of " + w.people.counterBy + ", who countersigned, could together have rewritten " + what
	}
	return "whoever holds the operator's key could have rewritten " + what
}

func (w *walker) intact() Level {
	l := Level{Name: "L0 intact", Met: w.worst[Tampered] == 0 && w.count > 0 && !w.stopped, Text: "not met"}
	if l.Met {
		l.Text = fmt.Sprintf("%d entries in one unbroken chain; none changed, removed or added inside", w.count)
	}
	return l
}

func (w *walker) sealedLevel() Level {
	l := Level{Name: "L1 sealed"}
	why := ""
	switch p := w.people; {
	case p.given == 0:
		why = "no operator key endorsed the session"
	case len(p.bare) > 0:
		why = fmt.Sprintf("nobody endorsed the key that seals segment %d", p.bare[0])
	case p.endorsed < p.given:
		why = "an endorsement does not check"
	case w.o.Signers == nil:
		why = "no allowed_signers file was given"
	case p.allowed < p.given:
		why = "an operator's key is not allowed"
	case w.sealed < w.count || w.broken:
		why = "the end is not under a seal"
	case !w.closed():
		why = "the session is not closed"
	case !p.fileGood:
		why = "the closed file carries no good signature of the operator"
	}
	if why != "" {
		l.Text = fmt.Sprintf("not met: %d seals by session keys; %s", w.seals, why)
		return l
	}
	l.Met = true
	l.Text = fmt.Sprintf("%d seals; %s", w.seals, w.people.first)
	for _, seg := range w.people.segments {
		l.Text += fmt.Sprintf("; segment %d by the standby that the operator endorsed ahead", seg)
	}
	return l
}

func (w *walker) countersignedLevel() Level {
	if w.people.counter == "" {
		return Level{Name: "L2 countersigned", Text: "not met: no countersignature by a person who operated nothing"}
	}
	return Level{Name: "L2 countersigned", Met: true, Text: w.people.counter}
}

func (w *walker) seenLevel() Level {
	l := Level{Name: "L3 seen by others"}
	seers := w.outside.seers()
	n := w.outside.covered(w.o.Quorum)
	switch {
	case len(seers) == 0:
		l.Text = "not met: no anchor vouches for this record"
		return l
	case w.o.Quorum < 1:
		l.Text = fmt.Sprintf("not met: no anchor was asked for (--quorum 0); %d would vouch", len(seers))
		return l
	case n == 0:
		l.Text = fmt.Sprintf("not met: %d of %d required anchors vouch", len(seers), w.o.Quorum)
		return l
	}
	l.Met = true
	var who []string
	for _, v := range seers {
		if v.Size >= n {
			who = append(who, v.accepted())
		}
	}
	l.Text = fmt.Sprintf("entries 0-%d of 0-%d: %s", n-1, w.count-1, strings.Join(who, ", "))
	if w.behind(n) {
		l.Text += "; behind that, " + w.alone(n)
	}
	return l
}

// accepted says who saw a head, when, and what that excludes: it is not the same
// for every kind of anchor.
func (v Vouch) accepted() string {
	s := v.Seer
	if !v.At.IsZero() {
		s += " at " + v.At.UTC().Format(time.RFC3339)
	}
	switch v.Kind {
	case AnchorTicket:
		return s + " (no other history, as long as the ticket cannot be changed)"
	case AnchorWitness:
		return s + " (no other history, unless the witness helped)"
	case AnchorTSA:
		return s + " (nothing up to there was changed after that time; a forgery stamped earlier would look the same)"
	case AnchorS3:
		return s + " (the same bytes, as long as the bucket's lock holds)"
	case AnchorServer:
		return s + " (no other history up to that statement, unless that log was changed too)"
	}
	return s
}

func (w *walker) archivedLevel() Level {
	l := Level{Name: "L4 archived"}
	var copied, stamped *Vouch
	for _, v := range w.outside.seers() {
		switch {
		case v.Kind == AnchorS3 && v.Until.After(w.o.Now) && !w.o.Now.IsZero() && copied == nil:
			copied = &v
		case v.Kind == AnchorTSA && stamped == nil:
			stamped = &v
		}
	}
	var missing []string
	if copied == nil {
		missing = append(missing, "no WORM copy")
	}
	if stamped == nil {
		missing = append(missing, "no timestamp")
	}
	if len(missing) > 0 {
		l.Text = "not met: " + strings.Join(missing, ", ")
		return l
	}
	l.Met = true
	l.Text = fmt.Sprintf("entries 0-%d until %s, %s, timestamp %s", min(copied.Size, stamped.Size)-1,
		copied.Until.UTC().Format(time.DateOnly), copied.Seer, stamped.at())
	return l
}
