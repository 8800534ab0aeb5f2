package postgres

import (
	"context"

	"github.com/turquoise-db/turquoise/engines"
)

var _ engines.Flight = (*Conn)(nil)

// InFlight looks for a running statement by the comment it was tagged with. The
// server keeps the beginning of each text it works on; a client that died in
// between does not end it.
//
// HOLE: with track_activities off, or without the right to see other roles'
// texts, nothing is seen. Turquoise's role is a superuser and the setting is on
// unless somebody turned it off.
func (c *Conn) InFlight(ctx context.Context, tag string) (bool, error) {
	res, err := run(ctx, c.pg, "SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND starts_with(query, $1)", []string{tag})
	if err != nil {
		return false, c.fail("look for a running statement", err)
	}
	n, _ := res.First()
	return n != "0", nil
}
