package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/turquoise-db/turquoise/engines"
)

// hostile is what a server may say to a terminal: colour, the clipboard, a text
// that reads backwards, one of no width.
const hostile = "x\x1b[31m\x1b]52;c;aGk=\x07\u202e\u200by"

// dirty reports what a text may not hold on its way to a screen.
func dirty(s string) error {
	for _, r := range s {
		if unicode.Is(unicode.C, r) {
			return fmt.Errorf("%U in %q", r, s)
		}
	}
	return nil
}

// spoken checks an error as an operator reads it.
func (s Subject) spoken(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
		return
	}
	for _, secret := range []string{s.Secret, s.Value} {
		if secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: holds %q: %v", what, secret, err)
		}
	}
	if d := dirty(err.Error()); d != nil {
		t.Errorf("%s: %v", what, d)
	}
	var e *engines.Error
	if !errors.As(err, &e) || e.Op == "" || e.Object == "" || e.Err == nil {
		t.Errorf("%s: says not what was tried on what and why: %v", what, err)
	}
}

// unreachable checks an error of a server that could not be had: it also says
// what to do.
func (s Subject) unreachable(t *testing.T, what string, err error) {
	t.Helper()
	s.spoken(t, what, err)
	var e *engines.Error
	if errors.As(err, &e) && e.Next == "" {
		t.Errorf("%s: no next move: %v", what, err)
	}
}

// serverText: errors and notices are cleaned, and hold no values.
func serverText(t *testing.T, s Subject) {
	c := s.conn(t, s.Addr)
	for _, st := range s.Hostile {
		res, err := send(within(t), c, st)
		if err != nil {
			s.spoken(t, st.Text, err)
		} else if len(res.Notices) == 0 {
			t.Errorf("%q: neither an error nor a notice", st.Text)
		}
		for _, n := range res.Notices {
			if d := dirty(n); d != nil || s.Value != "" && strings.Contains(n, s.Value) {
				t.Errorf("%q: notice %q: %v", st.Text, n, d)
			}
		}
	}
}

// codes: the record names an error by its code, and says if anything of it is left out.
func codes(t *testing.T, s Subject) {
	if !s.SQLState {
		return
	}
	c := s.conn(t, s.Addr)
	kept := func(st engines.Statement, want bool) {
		t.Helper()
		_, err := send(within(t), c, st)
		var e interface {
			SQLState() string
			Whole() bool
		}
		if !errors.As(err, &e) || len(e.SQLState()) != 5 || e.Whole() != want {
			t.Errorf("%q: no state, or not whole=%v: %v", st.Text, want, err)
		}
	}
	kept(s.Refused[0], true)
	kept(s.Hostile[1], false)
}

// secrets: a connection string nobody can read is not quoted.
func secrets(t *testing.T, s Subject) {
	if len(s.Bad) == 0 || s.Secret == "" || s.Passwordless == strings.Contains(s.DSN(s.Addr), s.Secret) {
		t.Fatal("the subject has no connection string with a secret: this cannot be looked at")
	}
	for i, dsn := range s.Bad {
		o := s.request(t.Context(), s.Addr, "executor")
		o.DSN = dsn
		_, err := s.Engine.Open(o)
		s.unreachable(t, fmt.Sprintf("bad connection string %d", i+1), err)
		_, err = s.Engine.OpenReader(o)
		s.unreachable(t, fmt.Sprintf("reader of bad connection string %d", i+1), err)
	}
}

// closeTwice: closing again is fine, and so is closing what the server left.
func closeTwice(t *testing.T, s Subject) {
	c, r := s.conn(t, s.Addr), s.reader(t, s.Addr)
	for i := range 2 {
		if err := errors.Join(c.Close(), r.Close()); err != nil {
			t.Errorf("close %d: %v", i+1, err)
		}
	}
	w := NewWire(t, s.Addr)
	c, r = s.conn(t, w.Addr), s.reader(t, w.Addr)
	w.Down()
	_, _ = send(within(t), c, s.Reads) // sees the loss
	_, _ = r.Identify(within(t))
	for i := range 2 {
		if err := errors.Join(c.Close(), r.Close()); err != nil {
			t.Errorf("close %d of a lost line: %v", i+1, err)
		}
	}
}

// deadServer: one that refuses, one that cuts and one that says nothing give an
// error with a next move.
func deadServer(t *testing.T, s Subject) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cutting, silent := NewWire(t, s.Addr), NewWire(t, s.Addr)
	cutting.Down()
	silent.Hold("")
	for _, dead := range []struct{ what, at string }{{"refuses", refusing}, {"cuts", cutting.Addr}, {"is silent", silent.Addr}} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := s.Engine.Open(s.request(ctx, dead.at, "executor"))
		s.unreachable(t, "a server that "+dead.what, err)
		cancel()
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err = s.Engine.OpenReader(s.request(ctx, dead.at, "sampler"))
		s.unreachable(t, "a reader of a server that "+dead.what, err)
		cancel()
	}
	w := NewWire(t, s.Addr)
	c := s.conn(t, w.Addr)
	w.Down()
	for range 2 {
		_, err := c.Identify(within(t))
		s.unreachable(t, "who a lost server is", err)
	}
}
