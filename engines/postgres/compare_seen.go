package postgres

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

var _ engines.Seer = (*Comparer)(nil)

// Unseen asks for a snapshot: a transaction that it holds for running is in the log
// already if its commit waits for a synchronous standby
// (https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION).
func (c *Comparer) Unseen(ctx context.Context) (func(id uint64) bool, error) {
	const op = "ask which transactions are shown"
	rows, err := c.poll(ctx, op, "SELECT pg_current_snapshot()")
	if err != nil {
		return nil, err
	}
	unseen, ok := snapshot(text(rows[0], 0))
	if !ok {
		return nil, c.fail(op, errNumber)
	}
	return unseen, nil
}

// snapshot reads xmin:xmax:xip,xip,…, which count on when the 32 bits that the log has
// begin anew.
func snapshot(s string) (unseen func(id uint64) bool, ok bool) {
	f := strings.Split(s, ":")
	if len(f) != 3 {
		return nil, false
	}
	end, err := strconv.ParseUint(f[1], 10, 64)
	if err != nil {
		return nil, false
	}
	var running []uint32
	for id := range strings.SplitSeq(f[2], ",") {
		if id == "" {
			continue
		}
		n, err := strconv.ParseUint(id, 10, 64)
		if err != nil {
			return nil, false
		}
		running = append(running, uint32(n))
	}
	return func(id uint64) bool {
		return int32(uint32(id)-uint32(end)) >= 0 || slices.Contains(running, uint32(id))
	}, true
}
