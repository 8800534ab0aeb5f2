package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// hanging is how long a reader may wait for a server that says nothing: some
// ticks, in which its gauges get old, and not the half minute of a login.
const hanging = 8 * time.Second

// gauges: what is promised is read in one of the scopes or says why not, and
// nothing else is.
func gauges(t *testing.T, s Subject) {
	r, promised := s.reader(t, s.Addr), s.Engine.Planner.GaugeNames()
	read := map[string]bool{}
	for _, in := range s.Scopes {
		for _, g := range r.Gauges(within(t), in) {
			if err := sound(g, in.On, promised); err != nil {
				t.Error(err)
			}
			_, name := g.Gauge.Split()
			read[name] = true
		}
	}
	for _, name := range promised {
		if !read[name] {
			t.Errorf("gauge %s is promised, and neither read nor an error", name)
		}
	}
}

// sound reports what is wrong with a reading.
func sound(g engines.Reading, on engines.TargetID, promised []string) error {
	var errs []error
	target, name := g.Gauge.Split()
	if target != on || !slices.Contains(promised, name) {
		errs = append(errs, fmt.Errorf("gauge %s was never promised for %s", g.Gauge, on))
	}
	if g.At.IsZero() || g.Unit == "" {
		errs = append(errs, fmt.Errorf("gauge %s has no time or no unit: %+v", g.Gauge, g))
	}
	if g.Err != nil && (g.Value != 0 || g.Text != "") {
		errs = append(errs, fmt.Errorf("gauge %s has an error and a value: %+v", g.Gauge, g))
	}
	if math.IsNaN(g.Value) || math.IsInf(g.Value, 0) || dirty(g.Text) != nil {
		errs = append(errs, fmt.Errorf("gauge %s: %+v", g.Gauge, g))
	}
	if g.Err != nil && dirty(g.Err.Error()) != nil {
		errs = append(errs, fmt.Errorf("gauge %s: %w", g.Gauge, dirty(g.Err.Error())))
	}
	return errors.Join(errs...)
}

// names lists the gauges of a scope, each once.
func names(t *testing.T, gs []engines.Reading) []engines.GaugeID {
	t.Helper()
	out := make([]engines.GaugeID, len(gs))
	for i, g := range gs {
		out[i] = g.Gauge
	}
	slices.Sort(out)
	if n := len(out); len(slices.Compact(slices.Clone(out))) != n {
		t.Errorf("a gauge came twice: %v", out)
	}
	return out
}

// clients: an application's session is listed, its name cleaned.
func clients(t *testing.T, s Subject) {
	switch {
	case s.Clientless:
		_, err := s.reader(t, s.Addr).Clients(within(t), s.Scopes[0])
		s.spoken(t, "a list of clients that nobody keeps", err)
		return
	case s.Nameless:
		nameless(t, s)
		return
	}
	s.Client(t, hostile)
	s.Client(t, "plain")
	groups, err := s.reader(t, s.Addr).Clients(within(t), s.Scopes[0])
	if err != nil {
		t.Fatal(err)
	}
	odd, plain := 0, 0
	for _, g := range groups {
		for _, text := range []string{g.User, g.App, g.Addr, g.State} {
			if d := dirty(text); d != nil {
				t.Errorf("%+v: %v", g, d)
			}
		}
		switch {
		case g.App == "plain":
			plain += g.Count
		case strings.HasPrefix(g.App, "x"):
			odd += g.Count
		}
	}
	if plain != 1 || odd != 1 {
		t.Errorf("one client of each name, listed %d plain and %d odd: %+v", plain, odd, groups)
	}
}

// nameless: clients that have no name are counted, by address.
func nameless(t *testing.T, s Subject) {
	r := s.reader(t, s.Addr)
	count := func() (n int) {
		groups, err := r.Clients(within(t), s.Scopes[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			if g.Addr == "" || g.App != "" || g.User != "" || dirty(g.Addr+g.State) != nil {
				t.Errorf("a client without an address, or with a name that nobody can know: %+v", g)
			}
			n += g.Count
		}
		return n
	}
	before := count()
	s.Client(t, "one")
	s.Client(t, "two")
	if is := count(); is != before+2 {
		t.Errorf("two clients came, listed %d before and %d now", before, is)
	}
}

// inspections: every check has a name, and one that blocks or is blind says
// what to do.
func inspections(t *testing.T, s Subject) {
	r := s.reader(t, s.Addr)
	for _, in := range s.Scopes {
		fs := r.Inspect(within(t), in)
		if len(fs) == 0 {
			t.Errorf("no checks on %s", in.On)
		}
		for _, f := range fs {
			if err := told(f, in.On); err != nil {
				t.Error(err)
			}
		}
	}
}

// told reports what a finding leaves out.
func told(f engines.Finding, on engines.TargetID) error {
	switch {
	case f.ID == "" || f.Title == "" || f.Target != on:
		return fmt.Errorf("check without a name or of another target: %+v", f)
	case (f.Level == engines.Block || f.Level == engines.Blind) && (f.Next == "" || f.Is == ""):
		return fmt.Errorf("check %s stops the walk and says not what it saw and what to do: %+v", f.ID, f)
	}
	for _, text := range []string{f.Title, f.Want, f.Is, f.Cause, f.Next} {
		if d := dirty(text); d != nil {
			return fmt.Errorf("check %s: %w", f.ID, d)
		}
	}
	return nil
}

// readerAlone: the reader and the executor have lines of their own. Each works
// while the other one's is held, and after it was cut.
func readerAlone(t *testing.T, s Subject) {
	run, look := NewWire(t, s.Addr), NewWire(t, s.Addr)
	c, r, in := s.conn(t, run.Addr), s.reader(t, look.Addr), s.Scopes[0]

	if !s.Serial {
		s.besides(t, run, c, r)
	}

	// The reader hangs: statements go on.
	c = s.conn(t, run.Addr)
	look.Hold("")
	asked := make(chan time.Duration, 1)
	began := time.Now()
	go func() { r.Gauges(within(t), in); asked <- time.Since(began) }()
	if got, err := outcome(within(t), c, s.Reads); got != engines.Done {
		t.Errorf("a statement while the reader hangs: %v, %v", got, err)
	}
	if took := <-asked; took > hanging {
		t.Errorf("the gauges of a server that says nothing took %s: every tick after it waits", took)
	}
	look.Down()
	if got, err := outcome(within(t), c, s.Reads); got != engines.Done {
		t.Errorf("a statement after the reader's line was cut: %v, %v", got, err)
	}
	run.Down()
	look.Up()
	if _, err := again(r, within(t)); err != nil {
		t.Errorf("the reader after the executor's line was cut: %v", err)
	}
}

// besides: while a statement lasts, who the server is and its gauges are there all
// the same.
func (s Subject) besides(t *testing.T, run *Wire, c engines.Conn, r engines.Reader) {
	t.Helper()
	in := s.Scopes[0]
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	sent, ended := run.Watch(s.wired(s.Lasts)), make(chan error, 1)
	st := s.Lasts
	st.Limit = patience
	go func() { _, err := send(ctx, c, st); ended <- err }()
	select {
	case <-sent:
	case err := <-ended:
		t.Fatalf("the statement did not last: %v", err)
	}
	if _, err := r.Identify(within(t)); err != nil {
		t.Errorf("the reader while a statement lasts: %v", err)
	}
	if !slices.ContainsFunc(r.Gauges(within(t), in), func(g engines.Reading) bool { return g.Err == nil }) {
		t.Error("no gauge is read while a statement lasts")
	}
	select {
	case err := <-ended:
		t.Errorf("the statement did not last while the reader asked: %v", err)
	default:
	}
	cancel()
	<-ended
	s.after(t)
}

// again asks until a reader has found its line lost and made another one.
func again(r engines.Reader, ctx context.Context) (id engines.Identity, err error) {
	for range 3 {
		if id, err = r.Identify(ctx); err == nil {
			return id, nil
		}
	}
	return id, err
}

// deadReader: no gauge is left out, none is a zero, and no check passes for
// want of an answer.
func deadReader(t *testing.T, s Subject) {
	w := NewWire(t, s.Addr)
	r := s.reader(t, w.Addr)
	for _, in := range s.Scopes {
		up := names(t, r.Gauges(within(t), in))
		checks := titles(r.Inspect(within(t), in))
		w.Down()
		for range 2 { // the first finds the line lost, the second gets no other
			down := r.Gauges(within(t), in)
			if !slices.Equal(names(t, down), up) {
				t.Errorf("gauges of a dead server: %v, of a living one: %v", names(t, down), up)
			}
			for _, g := range down {
				if g.Err == nil || g.Value != 0 || g.Text != "" {
					t.Errorf("%s of a dead server: %+v", g.Gauge, g)
				}
			}
		}
		if _, err := r.Clients(within(t), in); err == nil {
			t.Error("a dead server lists its clients")
		} else {
			s.spoken(t, "clients of a dead server", err)
		}
		fs := r.Inspect(within(t), in)
		if !slices.Equal(titles(fs), checks) {
			t.Errorf("checks of a dead server: %v, of a living one: %v", titles(fs), checks)
		}
		if !slices.ContainsFunc(fs, func(f engines.Finding) bool { return f.Level == engines.Blind }) {
			t.Error("no check is blind on a dead server")
		}
		for _, f := range fs {
			if err := told(f, in.On); err != nil {
				t.Error(err)
			}
		}
		w.Up()
		if _, err := again(r, within(t)); err != nil {
			t.Fatalf("the reader of a server that came back: %v", err)
		}
	}
}

func titles(fs []engines.Finding) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.ID + " " + f.Title
	}
	return out
}
