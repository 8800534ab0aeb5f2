package postgres

import (
	"context"
	"errors"
)

var errNoWorker = errors.New("this version counts no apply errors, and no apply worker runs")

// deathsSQL reads who applies a subscription. xmin tells one ALTER from the next.
const deathsSQL = `SELECT s.oid, s.subenabled, s.xmin::text, w.pid FROM pg_subscription s
 LEFT JOIN pg_stat_subscription w ON w.subid = s.oid AND w.relid IS NULL
WHERE s.subname = $1 AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`

// deaths counts apply workers that ended by themselves. PostgreSQL 13 and 14
// keep no count of apply errors; but there as later an error ends the worker,
// and the launcher starts another after 5 s.
type deaths struct {
	sub, version, pid string
	free              bool // the next change of worker is the work of an ALTER
	n                 float64
}

// see takes one look and returns the workers lost so far. The worker that an
// ALTER SUBSCRIPTION replaces is not counted; one that fails before it was
// replaced is missed, the next after it is not.
func (d *deaths) see(sub, version, pid string, enabled bool) (float64, error) {
	switch {
	case d.sub != sub:
		*d = deaths{sub: sub}
	case d.version != version:
		d.free = true
	case d.pid != "" && pid != d.pid && enabled:
		if !d.free {
			d.n++
		}
		d.free = false
	}
	d.version, d.pid = version, pid
	if enabled && pid == "" && d.n == 0 {
		return 0, errNoWorker // it may fail faster than we look
	}
	return d.n, nil
}

// applyErrors is the server's own count, or ours where it has none.
func (k *tick) applyErrors(ctx context.Context, sub string) (float64, error) {
	v, err := k.counter(ctx, `SELECT apply_error_count + sync_error_count FROM pg_stat_subscription_stats WHERE subname = $1`, sub)
	if !errors.Is(err, errVersion) {
		return v, err
	}
	res, err := k.r.query(ctx, "look at the apply worker", deathsSQL, sub)
	if err != nil {
		return 0, err
	}
	if len(res.Rows) != 1 {
		return 0, errMissing
	}
	row := res.Rows[0]
	return k.r.gauges.deaths.see(text(row, 0), text(row, 2), text(row, 3), text(row, 1) == "t")
}
