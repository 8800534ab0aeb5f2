package mysql

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// ControlSchema holds the tables and procedures of Turquoise on both sides.
const ControlSchema = "tqctl"

// notUser are schemas whose tables do not move: the server's own, ours, and the
// lab's marker.
func notUser() []string {
	return []string{"mysql", "sys", "performance_schema", "information_schema", ControlSchema, "tq_lab"}
}

// notUsers is the same for IN (…).
var notUsers = list(notUser())

// countersSQL lists AUTO_INCREMENT counters by table: the value handed out next.
var countersSQL = `SELECT table_schema, table_name, auto_increment FROM information_schema.tables
WHERE auto_increment > 1 AND table_schema NOT IN (` + notUsers + `)`

// SequenceStates lists the AUTO_INCREMENT counters that move. A counter is the
// number that the next row gets, so it counts as never called.
func (r *Reader) SequenceStates(ctx context.Context) ([]engines.SequenceState, error) {
	res, err := r.query(ctx, "read counters", countersSQL+" ORDER BY 1, 2")
	if err != nil {
		return nil, err
	}
	out := make([]engines.SequenceState, 0, len(res.Rows))
	for _, row := range res.Rows {
		next, err := strconv.ParseUint(text(row, 2), 10, 64)
		if err != nil {
			return nil, &engines.Error{Op: "read counters", Object: r.l.object(), Err: errNumber}
		}
		// The last number of BIGINT UNSIGNED does not fit; such a counter is full
		// long before it could be compared wrongly.
		out = append(out, engines.SequenceState{Schema: text(row, 0), Name: text(row, 1), Last: int64(min(next, 1<<63-1)),
			Increment: 1, Min: 1, Max: 1<<63 - 1})
	}
	return out, nil
}

// RowCounts gives the server's estimates: counting takes a pass over an index.
func (r *Reader) RowCounts(ctx context.Context) ([]engines.TableRows, error) {
	res, err := r.query(ctx, "read row estimates", `SELECT table_schema, table_name, COALESCE(table_rows, 0) FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN (`+notUsers+`) ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	out := make([]engines.TableRows, 0, len(res.Rows))
	for _, row := range res.Rows {
		n, err := strconv.ParseInt(text(row, 2), 10, 64)
		if err != nil {
			return nil, &engines.Error{Op: "read row estimates", Object: r.l.object(), Err: errNumber}
		}
		out = append(out, engines.TableRows{Schema: text(row, 0), Name: text(row, 1), Rows: n})
	}
	return out, nil
}
