package enginetest

import (
	"context"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Statements that change are told apart by number; a cut takes its place's own.
const (
	changeDone = iota + 10
	changeCancelled
	changeLost
	changeHeld
)

// outcomes: yes, no, and not sent.
func outcomes(t *testing.T, s Subject) {
	c := s.conn(t, s.Addr)
	if got, err := outcome(within(t), c, s.Reads); got != engines.Done {
		t.Fatalf("a question: %v, %v", got, err)
	}
	if got, err := outcome(within(t), c, s.Change(changeDone)); got != engines.Done || !s.Applied(t, changeDone) {
		t.Errorf("a change: %v, %v, applied %v", got, err, s.Applied(t, changeDone))
	}
	for _, st := range s.Refused {
		if got, err := outcome(within(t), c, st); got != engines.Refused || err == nil {
			t.Errorf("%s: %v, %v; want refused", st.Text, got, err)
		}
		if got, err := outcome(within(t), c, s.Reads); got != engines.Done {
			t.Errorf("after %s was refused: %v, %v", st.Text, got, err)
		}
	}
	got, err := outcome(over(t), c, s.Change(changeCancelled))
	if got != engines.Unsent || err == nil || s.Applied(t, changeCancelled) {
		t.Errorf("a context that was over: %v, %v, applied %v; want unsent", got, err, s.Applied(t, changeCancelled))
	}
	unknown := s.Reads
	unknown.Verb = engines.Verb(-1)
	if got, err := outcome(within(t), s.conn(t, s.Addr), unknown); err == nil || got == engines.Done {
		t.Errorf("a verb that nobody has: %v, %v", got, err)
	}
}

// boundValues: a value that is known only while a plan runs comes to the server as
// it was captured, whatever it holds, and is no part of the statement.
func boundValues(t *testing.T, s Subject) {
	if s.Echo.Text == "" {
		return
	}
	c := s.conn(t, s.Addr)
	for _, v := range []string{"0/16B3748", "d81034bb-e5e5-11f1-af1e-02fc00000001:1-5975", "0-21-4711", "4711", "007", "", "it's", `a\b`, "$2 $1", "-- x", "/* x", `[["shop", "orders", 7]]`,
		"x' OR '1'='1", "\u00e4\u20ac"} {
		st := s.Echo
		st.Args = []string{v}
		res, err := send(within(t), c, st)
		if is, ok := res.First(); err != nil || !ok || is != v {
			t.Errorf("%q came back as %q, %v", v, is, err)
		}
	}
	st := s.Echo
	st.Args = nil
	if _, err := send(within(t), c, st); err == nil || c.Classify(err) == engines.Done {
		t.Errorf("a parameter that nobody filled: %v", err)
	}
}

// cutLines: what left us and was not answered is Unclear, whether it arrived or
// not, and the server is asked what became of it.
func cutLines(t *testing.T, s Subject) {
	for _, cut := range []struct {
		name    string
		where   Where
		applied []bool // what may be true of the server
	}{
		{"request lost", Before, []bool{false}},
		{"cut in between", Mid, []bool{false, true}},
		{"answer lost", After, []bool{true}},
	} {
		t.Run(cut.name, func(t *testing.T) {
			w := NewWire(t, s.Addr)
			c, st := s.conn(t, w.Addr), s.Change(int(cut.where))
			session := departing(c)
			w.Cut(cut.where, s.wired(st))
			got, err := outcome(within(t), c, st)
			if w.Cuts() != 1 {
				t.Fatalf("the wire was cut %d times: the statement does not go out as it is written", w.Cuts())
			}
			gone(t, s, session)
			is := s.Applied(t, int(cut.where))
			// Cut in between, the answer may have won the race against the cut.
			won := cut.where == Mid && got == engines.Done && err == nil && is
			if !won && (got != engines.Unclear || err == nil) {
				t.Errorf("%v, %v; want unclear: bytes left and no answer came", got, err)
			}
			for _, may := range cut.applied {
				if is == may {
					return
				}
			}
			t.Errorf("applied: %v", is)
		})
	}
}

// departing names the session of a connection whose engine can tell its end.
func departing(c engines.Conn) string {
	if d, ok := c.(engines.Departure); ok {
		return d.Session()
	}
	return ""
}

// gone waits until a lost session has ended.
func gone(t *testing.T, s Subject, session string) {
	t.Helper()
	if session == "" {
		return
	}
	d := s.conn(t, s.Addr).(engines.Departure)
	for ctx := within(t); ; {
		ended, err := d.Gone(ctx, session)
		if err != nil {
			t.Fatalf("the lost session: %v", err)
		}
		if ended {
			return
		}
	}
}

// lostLine: on a line that is known to be lost nothing leaves, and a statement
// that met the loss is not called refused or done.
func lostLine(t *testing.T, s Subject) {
	w := NewWire(t, s.Addr)
	c := s.conn(t, w.Addr)
	w.Down()
	if got, err := outcome(within(t), c, s.Change(changeLost)); err == nil || got == engines.Done || got == engines.Refused {
		t.Errorf("on a line that is lost: %v, %v", got, err)
	}
	if got, err := outcome(within(t), c, s.Change(changeLost)); err == nil || got != engines.Unsent {
		t.Errorf("once the loss is known: %v, %v; want unsent", got, err)
	}
	if s.Applied(t, changeLost) {
		t.Error("a statement came through a line that was down")
	}
}

// limits: a statement that lasts longer than it may ends with the outcome that
// the subject promises, soon.
func limits(t *testing.T, s Subject) {
	c, st := s.conn(t, s.Addr), s.Lasts
	st.Limit = 50 * time.Millisecond
	got, err := outcome(within(t), c, st)
	if got != s.Late || err == nil {
		t.Errorf("%s beyond its limit: %v, %v; want %v", st.Text, got, err, s.Late)
	}
	s.after(t)
}

func (s Subject) after(t *testing.T) {
	t.Helper()
	if s.After != nil {
		s.After(t)
	}
}

// givenUp: a context that ends while the server works gives Unclear; one that
// ends while the answer is held back too, though the server has acted.
func givenUp(t *testing.T, s Subject) {
	w := NewWire(t, s.Addr)
	c := s.conn(t, w.Addr)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	sent := w.Watch(s.wired(s.Lasts))
	go endOn(ctx, sent, cancel)
	st := s.Lasts
	st.Limit = patience
	if got, err := outcome(ctx, c, st); got != engines.Unclear || err == nil {
		t.Errorf("given up while the server works: %v, %v; want unclear", got, err)
	}
	s.after(t)

	c = s.conn(t, w.Addr)
	ctx, cancel = context.WithCancel(within(t))
	defer cancel()
	held := w.Hold(s.wired(s.Change(changeHeld)))
	go endOn(ctx, held, cancel)
	if got, err := outcome(ctx, c, s.Change(changeHeld)); got != engines.Unclear || err == nil {
		t.Errorf("given up before the answer came: %v, %v; want unclear", got, err)
	}
	if !s.Applied(t, changeHeld) {
		t.Error("the server had answered and has not acted")
	}
}

// endOn ends a context when a signal comes.
func endOn(ctx context.Context, signal <-chan struct{}, cancel context.CancelFunc) {
	select {
	case <-signal:
		cancel()
	case <-ctx.Done():
	}
}
