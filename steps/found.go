package steps

import (
	"slices"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// KindPreflight is the kind of a step that asks every check.
const KindPreflight = "preflight"

// KindHold is the kind of a planned stop.
const KindHold = "hold"

// Found is a check of a preflight that did not pass, as the record has it.
type Found struct {
	Seq     int64
	Step    runbooks.StepID
	Attempt int
	Target  engines.TargetID
	Check   entries.CheckResult
	Blind   bool // it could not look; else it saw what blocks
}

// Name is how an override calls the check: several servers answer the same one.
func (f Found) Name() string { return FoundName(f.Check.Check, f.Target) }

// FoundName is the name of a check as it is overridden on one target.
func FoundName(check string, on engines.TargetID) string { return check + " on " + string(on) }

// May reports whether a second person may let the check be passed over.
func (f Found) May() bool { return f.Check.Waive == entries.WaiveSecond }

// Found returns what did not pass when a step last asked. A box that was opened
// and closed since then has asked nothing.
func (s State) Found(id runbooks.StepID) []Found {
	var out []Found
	for _, f := range s.found {
		if f.Step == id {
			out = append(out, f)
		}
	}
	return out
}

// foundAs is a finding of a step by its name.
func (s State) foundAs(id runbooks.StepID, name string) (Found, bool) {
	for _, f := range s.Found(id) {
		if f.Name() == name {
			return f, true
		}
	}
	return Found{}, false
}

// PassedOver reports whether an attempt goes on against a check. Who signed that
// a check could not look did not sign what it sees when it can, nor the reverse.
func (s State) PassedOver(id runbooks.StepID, attempt int, name string, blind bool) bool {
	return slices.ContainsFunc(s.Overrides, func(o Override) bool {
		return o.Step == id && o.Attempt == attempt && o.Check == name && o.Found && o.Blind == blind
	})
}

// passedOver lists the checks that an attempt goes on against, for its intent.
func (s State) passedOver(id runbooks.StepID, attempt int) []int64 {
	var out []int64
	for _, o := range s.Overrides {
		if o.Step == id && o.Attempt == attempt && o.Found {
			out = append(out, o.Checked)
		}
	}
	return out
}

// applyFound keeps what does not pass. The first check of another attempt ends
// what the attempt before had found.
func (s State) applyFound(e Event, b entries.CheckResult) State {
	if b.Kind != entries.KindPreflight {
		return s
	}
	id, attempt := runbooks.StepID(e.Step), int(e.Attempt)
	s.found = slices.DeleteFunc(slices.Clone(s.found), func(f Found) bool { return f.Step != id || f.Attempt != attempt })
	if e.OK == nil || !*e.OK {
		s.found = append(s.found, Found{Seq: e.Seq, Step: id, Attempt: attempt, Target: engines.TargetID(e.Target), Check: b, Blind: e.OK == nil})
	}
	return s
}

// foundAt is the finding of a line, if it is one.
func (s State) foundAt(seq *int64) (Found, bool) {
	i := slices.IndexFunc(s.found, func(f Found) bool { return seq != nil && f.Seq == *seq })
	if i < 0 {
		return Found{}, false
	}
	return s.found[i], true
}

// askFound asks a second person about a check of the preflight. The request
// stands on the line where the check was answered: that is what is signed.
func askFound(it runbooks.Item, attempt int, f Found, ev Evidence) []Event {
	r := request(it, attempt, ActOverride+" "+f.Name(), "-", 1, ev.Now)
	r.Ref, r.Target = audit.Ref(f.Seq), string(f.Target)
	return []Event{r}
}

// mayPassOver refuses what can only be mended.
func mayPassOver(f Found) error {
	if f.May() {
		return nil
	}
	return refuse("mend it and run the step again", "check %s can never be overridden", f.Name())
}
