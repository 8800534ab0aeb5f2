package enginetest

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// plans: same request, same bytes, nothing done to the request; and each plan
// can be shown, proven and taken back.
func plans(t *testing.T, s Subject) {
	p := s.Engine.Planner
	if p.Supports("no such kind", "") {
		t.Error("a kind that nobody has is planned")
	}
	if _, err := p.Plan(engines.Request{Kind: "no such kind", On: s.Open.Target}); err == nil {
		t.Error("a plan of a kind that nobody has")
	} else {
		s.unreachable(t, "a kind that nobody has", err)
	}
	gs := p.GaugeNames()
	if len(slices.Compact(slices.Sorted(slices.Values(gs)))) != len(gs) {
		t.Errorf("a gauge is promised twice: %v", gs)
	}
	for _, r := range s.Plans {
		t.Run(strings.Trim(r.Kind+"-"+r.Stage+"-"+string(r.From), "-"), func(t *testing.T) {
			parts, err := p.Plan(copied(r))
			if err != nil || !p.Supports(r.Kind, r.Stage) {
				t.Fatalf("%v; supported: %v", err, p.Supports(r.Kind, r.Stage))
			}
			if err := readable(parts, s); err != nil {
				t.Error(err)
			}
			if err := pure(p, r, parts, 4); err != nil {
				t.Error(err)
			}
			s.passwords(t, r)
		})
	}
}

// pure plans the same request n times at once.
func pure(p engines.Planner, r engines.Request, want engines.Parts, n int) error {
	given := copied(r)
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range errs {
		wg.Go(func() {
			got, err := p.Plan(given)
			if err != nil || !reflect.DeepEqual(got, want) {
				errs[i] = fmt.Errorf("the same request gave another plan: %v", err)
			}
		})
	}
	wg.Wait()
	if !reflect.DeepEqual(given, r) {
		errs = append(errs, errors.New("planning changed the request"))
	}
	return errors.Join(errs...)
}

func copied(r engines.Request) engines.Request {
	r.Params, r.Args, r.Vars, r.Known = maps.Clone(r.Params), maps.Clone(r.Args), maps.Clone(r.Vars), maps.Clone(r.Known)
	r.Lists = maps.Clone(r.Lists)
	for k, v := range r.Lists {
		r.Lists[k] = slices.Clone(v)
	}
	return r
}

// readable reports what a plan leaves open: the way back or why there is none,
// the proof of a change, what an abort takes back, and texts for a card.
func readable(p engines.Parts, s Subject) error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad((len(p.Undo) == 0) == (p.UndoNone == ""), "neither an undo nor a reason for none, or both")
	for what, list := range map[string][]engines.Action{"action": p.Actions, "undo": p.Undo, "abort": p.Abort} {
		for i, a := range list {
			name := fmt.Sprintf("%s %d (%s)", what, i+1, a.Title)
			bad(a.Target == "" || a.Text == "" || a.Title == "", "%s: no target, title or text", name)
			bad(dirty(a.Title) != nil, "%s: title %q", name, a.Title)
			bad(dirty(strings.NewReplacer("\n", "", "\t", "").Replace(a.Text)) != nil, "%s: text %q", name, a.Text)
			bad(strings.Contains(a.Text, s.Secret), "%s: a secret stands in it", name)
			bad(a.Undoes < 0 || a.Undoes > len(p.Actions), "%s: takes back action %d of %d", name, a.Undoes, len(p.Actions))
			bad(what == "action" && a.Undoes != 0, "%s: takes back something, and is no undo", name)
			bad(a.Limit < 0, "%s: limit %s", name, a.Limit)
			for _, b := range a.Binds {
				bad(b.Var == "" || b.Why == "", "%s: a bound value without a name or a reason", name)
			}
			bad(a.Proof == nil && !s.ReadsOnly(a), "%s: changes something and has no proof", name)
			if a.Proof != nil {
				errs = append(errs, proves(name, *a.Proof, s))
			}
		}
	}
	for _, pr := range p.After {
		errs = append(errs, proves("after the last action", pr, s))
	}
	return errors.Join(errs...)
}

// proves reports what a proof leaves open: one that is asked again needs an end.
func proves(name string, p engines.Proof, s Subject) error {
	switch {
	case p.Target == "" || p.Text == "" || p.Title == "" || p.Want == "":
		return fmt.Errorf("%s: its proof has no target, title, text or wanted answer: %+v", name, p)
	case p.Every > 0 && p.Limit <= 0:
		return fmt.Errorf("%s: its proof %s is asked for ever", name, p.Title)
	case strings.Contains(p.Text, s.Secret):
		return fmt.Errorf("%s: a secret stands in its proof", name)
	}
	return nil
}

// passwords: a connection string with a password in it comes into no plan, and
// into no error.
func (s Subject) passwords(t *testing.T, r engines.Request) {
	for _, name := range s.Conninfos {
		with := copied(r)
		with.Params[name] += " password=" + s.Secret
		parts, err := s.Engine.Planner.Plan(with)
		if err != nil {
			s.spoken(t, "a password in "+name, err)
			continue
		}
		if strings.Contains(fmt.Sprintf("%+v", parts), s.Secret) || proofHolds(parts, s.Secret) {
			t.Errorf("a password in %s stands in the plan", name)
		}
	}
}

// proofHolds looks where printing shows a pointer only.
func proofHolds(p engines.Parts, secret string) bool {
	return slices.ContainsFunc(slices.Concat(p.Actions, p.Undo, p.Abort), func(a engines.Action) bool {
		return a.Proof != nil && strings.Contains(fmt.Sprintf("%+v", *a.Proof), secret)
	})
}
