package postgres

import (
	"context"
	"fmt"

	"github.com/turquoise-db/turquoise/engines"
)

var _ engines.Exclusive = (*Conn)(nil)

// The advisory lock of a cockpit: the eight letters "turqlock" as one number, and
// as pg_locks shows its halves. Such locks belong to one database, are held by a
// session and not by its transactions, and may be taken on a read-only server.
const (
	cockpitLock = "8391739312150897515"
	isCockpit   = "l.locktype = 'advisory' AND l.classid = 1953854065 AND l.objid = 1819239275 AND l.objsubid = 1"
)

// claimSQL takes the lock once: PostgreSQL counts how often a session has taken
// it, and would give it back only after as many releases.
const claimSQL = "SELECT CASE WHEN EXISTS (SELECT 1 FROM pg_catalog.pg_locks l WHERE l.pid = pg_backend_pid() AND " + isCockpit +
	") THEN true ELSE pg_try_advisory_lock(" + cockpitLock + ") END"

const holderSQL = "SELECT l.pid, coalesce(a.usename, '?'), coalesce(nullif(a.application_name, ''), 'name not shown'), coalesce(host(a.client_addr), 'this host'), " +
	"coalesce(to_char(a.backend_start, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), 'a time not shown') " +
	"FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.granted AND " + isCockpit +
	" AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"

// Claim takes the advisory lock of a cockpit on this database.
//
// HOLE: behind a pooler that lends sessions by transaction the lock stays with a
// session of the pooler. Blue and green are to be named by their own addresses.
func (c *Conn) Claim(ctx context.Context) (*engines.Holder, error) {
	res, err := run(ctx, c.pg, claimSQL, nil)
	if err != nil {
		return nil, c.fail("take the lock of a cockpit", err)
	}
	if got, _ := res.First(); got == "t" {
		return nil, nil
	}
	if res, err = run(ctx, c.pg, holderSQL, nil); err != nil {
		return nil, c.fail("ask who holds the lock of a cockpit", err)
	}
	h := &engines.Holder{}
	for _, r := range res.Rows {
		h.Session, h.Who = text(r, 0), clean(fmt.Sprintf("%s (%s) from %s, connected since %s", text(r, 1), text(r, 2), text(r, 3), text(r, 4)))
	}
	return h, nil
}

// Evict ends the session of a holder.
func (c *Conn) Evict(ctx context.Context, h engines.Holder) error {
	if _, err := run(ctx, c.pg, "SELECT pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l WHERE l.granted AND "+isCockpit+" AND l.pid = $1::int", []string{h.Session}); err != nil {
		return c.fail("end the session of another cockpit", err)
	}
	return nil
}
