package mysql

import (
	"context"
	"errors"

	"github.com/turquoise-db/turquoise/engines"
)

var _ engines.Exclusive = (*Conn)(nil)

// cockpitLock is the named lock of a cockpit. Such a lock counts for the whole
// server, is held by a session, and is not replicated.
const cockpitLock = "turquoise"

// Claim takes the named lock of a cockpit. A session may hold it several times
// over, so it is taken only where it is not held.
func (c *Conn) Claim(ctx context.Context) (*engines.Holder, error) {
	row, err := c.one(ctx, "SELECT IF(IS_USED_LOCK("+lit(cockpitLock)+") = CONNECTION_ID(), 1, GET_LOCK("+lit(cockpitLock)+", 0))")
	if err != nil {
		return nil, c.fail("take the lock of a cockpit", err)
	}
	if text(row, 0) == "1" {
		return nil, nil
	}
	row, err = c.one(ctx, "SELECT p.id, p.user, COALESCE(NULLIF(SUBSTRING_INDEX(p.host, ':', 1), ''), 'this host'), p.time, p.command FROM information_schema.processlist p WHERE p.id = IS_USED_LOCK("+lit(cockpitLock)+")")
	switch {
	case errors.Is(err, errRow):
		return &engines.Holder{}, nil
	case err != nil:
		return nil, c.fail("ask who holds the lock of a cockpit", err)
	}
	return &engines.Holder{Session: text(row, 0), Who: clean(text(row, 1) + " from " + text(row, 2) + ", in " + text(row, 4) + " for " + text(row, 3) + " s")}, nil
}

// Evict ends the session of a holder.
func (c *Conn) Evict(ctx context.Context, h engines.Holder) error {
	row, err := c.one(ctx, "SELECT IS_USED_LOCK("+lit(cockpitLock)+")")
	if err == nil && text(row, 0) == h.Session {
		err = c.send(ctx, "KILL CONNECTION "+value(h.Session))
	}
	if err != nil {
		return c.fail("end the session of another cockpit", err)
	}
	return nil
}
