package enginetest

import (
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// exclusive holds an engine that has a lock for cockpits to what it promises: one
// connection has it, the others are told whose it is, it goes with its connection,
// and a holder's session can be ended. Of an engine without one it asks nothing.
func exclusive(t *testing.T, s Subject) {
	claim := func(c engines.Conn) *engines.Holder {
		t.Helper()
		h, err := c.(engines.Exclusive).Claim(t.Context())
		if err != nil {
			t.Fatalf("claim: %v", err)
		}
		return h
	}
	first, second := s.conn(t, s.Addr), s.conn(t, s.Addr)
	if _, ok := first.(engines.Exclusive); !ok {
		return
	}
	for range 2 { // taken twice it is still given back at once
		if h := claim(first); h != nil {
			t.Fatalf("the lock is held by %s before anybody took it", h)
		}
	}
	is := first.(engines.Exclusive).Session()
	h := claim(second)
	if h == nil || h.Session != is || h.Who == "" || dirty(h.String()) != nil || strings.Contains(h.String(), s.Secret) {
		t.Fatalf("a second connection is told of %+v, want session %s", h, is)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	until(t, "the lock goes with its connection", func() bool { return claim(second) == nil })
	third := s.conn(t, s.Addr)
	h = claim(third)
	if h == nil {
		t.Fatal("two connections have the lock")
	}
	if err := third.(engines.Exclusive).Evict(t.Context(), *h); err != nil {
		t.Fatalf("evict: %v", err)
	}
	until(t, "the lock goes with the session that was ended", func() bool { return claim(third) == nil })
	if _, err := second.(engines.Exclusive).Claim(t.Context()); err == nil {
		t.Error("a session that was ended still answers")
	}
	if err := third.(engines.Exclusive).Evict(t.Context(), *h); err != nil {
		t.Errorf("a session that is gone: %v", err)
	}
	if h := claim(third); h != nil {
		t.Errorf("ending a session that is gone ended another: the lock is with %s", h)
	}
}

// until asks again and again what the server needs a moment for.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
