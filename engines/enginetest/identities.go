package enginetest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// identity: every door names the same server, whole, and no other server does.
func identity(t *testing.T, s Subject) {
	first, second, r := s.conn(t, s.Addr), s.conn(t, s.Addr), s.reader(t, s.Addr)
	was := named(t, first)
	if err := whole(was, s); err != nil {
		t.Error(err)
	}
	for what, ask := range map[string]interface {
		Identify(context.Context) (engines.Identity, error)
	}{"the same connection": first, "another connection": second, "the reader": r} {
		is, err := ask.Identify(within(t))
		if err != nil || !is.Same(was) || is.String() != was.String() {
			t.Errorf("%s: %+v, %v; was %+v", what, is, err, was)
		}
	}
	if s.Other == "" {
		return
	}
	o := s.request(t.Context(), s.Addr, "executor")
	o.DSN = s.Other
	c, err := s.Engine.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if is := named(t, c); is.Same(was) || was.Same(is) {
		t.Errorf("two servers are taken for one: %+v and %+v", is, was)
	}
}

func named(t *testing.T, c engines.Conn) engines.Identity {
	t.Helper()
	id, err := c.Identify(within(t))
	if err != nil {
		t.Fatalf("identify: %v", err)
	}
	return id
}

// whole reports what an identity lacks.
func whole(id engines.Identity, s Subject) error {
	var errs []error
	lacks := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	host, port, err := net.SplitHostPort(s.Addr)
	lacks(err != nil, "address of the subject: %v", err)
	lacks(id.Engine != s.Engine.Name, "identity: engine %q, want %q", id.Engine, s.Engine.Name)
	lacks(id.Version == "" || id.Major <= 0, "identity: no version: %q, %d", id.Version, id.Major)
	lacks(id.System == "", "identity: no system identifier")
	lacks(id.Host != host || strconv.Itoa(id.Port) != port, "identity: %s:%d, dialled %s", id.Host, id.Port, s.Addr)
	lacks(id.Login == "", "identity: no login")
	lacks(!id.Writable, "identity: the server of the test is not writable")
	lacks(s.Start && id.Started == "", "identity: no start time")
	for k, v := range id.Extra {
		lacks(dirty(v) != nil, "identity: %s: %v", k, dirty(v))
	}
	return errors.Join(errs...)
}
