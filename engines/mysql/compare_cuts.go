package mysql

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// thin is how many numbers there may be for each row of a table whose parts are
// reckoned: in a thinner one rows may lie close together somewhere, and its key
// is walked.
const thin = 8

// Cuts divides the first key column into ranges of about rows rows. Whole numbers
// that are the whole key are reckoned between the first and the last: no range can
// hold more rows than numbers. Else the index is walked: one step per range.
func (c *Comparer) Cuts(ctx context.Context, d engines.TableDigest, rows int64) ([]string, error) {
	if !d.Ordered || d.Rows <= rows {
		return nil, nil
	}
	if len(d.Key) == 1 && (d.Types[0] == kindNumber || d.Types[0] == kindZeros) {
		k := col(d.Key[0]) + " + 0"
		got, err := c.query(ctx, "read the ends of "+d.Label(), "SELECT MIN("+k+"), MAX("+k+")"+from(d))
		if err != nil {
			return nil, err
		}
		if cuts, ok := reckon(text(got[0], 0), text(got[0], 1), d.Rows, rows); ok {
			return cuts, nil
		}
	}
	return c.walk(ctx, d, rows)
}

// reckon divides the numbers between two ends; ok is false if they are no whole
// numbers or lie too far apart.
func reckon(first, last string, total, rows int64) ([]string, bool) {
	cuts, width, ok := engines.Between(first, last, (total+rows-1)/rows)
	if !ok || !width.IsInt64() || width.Int64()/thin > total {
		return nil, false
	}
	return cuts, true
}

// walk takes the key of every n-th row, by the primary key.
func (c *Comparer) walk(ctx context.Context, d engines.TableDigest, rows int64) ([]string, error) {
	k := col(d.Key[0])
	return engines.WalkCuts(func(last string, begun, past bool) (string, bool, error) {
		where := ""
		if begun {
			where = " WHERE " + k + " >= " + keyLiteral(last, d.Types[0])
		}
		if past {
			where = " WHERE " + k + " > " + keyLiteral(last, d.Types[0])
		}
		got, err := c.query(ctx, "walk the key of "+d.Label(), "SELECT "+written(d.Key[0], d.Types[0])+from(d)+" FORCE INDEX (PRIMARY)"+where+
			" ORDER BY "+k+" LIMIT 1 OFFSET "+strconv.FormatInt(rows, 10))
		if err != nil || len(got) == 0 {
			return "", false, err
		}
		return text(got[0], 0), true, nil
	})
}

// loadSQL counts statements at work that are not our own, transactions
// that wait for a row or a table, and the age of our own oldest statement. It
// takes PROCESS, and says so where the right is missing: innodb_trx refuses.
const loadSQL = `SELECT COALESCE(SUM(p.command IN ('Query', 'Execute') AND NOT p.ours), 0),
 COALESCE(SUM(NOT p.ours AND p.state LIKE 'Waiting for % lock'), 0) + (SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'),
 COALESCE(MAX(IF(p.ours AND p.command = 'Query', p.time, 0)), 0)
FROM (SELECT command, state, time, COALESCE(info LIKE '%MARK%%', FALSE) AS ours FROM information_schema.processlist
 WHERE id <> CONNECTION_ID() AND user NOT IN ('system user', 'event_scheduler')) p`

// Load is what the server suffers now.
func (c *Comparer) Load(ctx context.Context) (engines.Load, error) {
	rows, err := c.query(ctx, "read the load", replace(loadSQL, "%MARK%", tagMark))
	if err != nil {
		return engines.Load{}, err
	}
	l, err := engines.ReadLoad(text(rows[0], 0), text(rows[0], 1), text(rows[0], 2))
	if err != nil {
		return engines.Load{}, c.fail("read the load", errNumber)
	}
	return l, nil
}

// Position is behind every commit that this session has seen: a commit is in the
// log before anybody sees it. Its ids are not taken, for they are noted later.
func (c *Comparer) Position(ctx context.Context) (string, error) {
	rows, err := c.query(ctx, "read the position", c.d.ownPosition())
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", c.fail("read the position", errUnlogged)
	}
	return text(rows[0], 0) + ":" + text(rows[0], 1), nil
}

// Applied reports whether this server has applied the other's position, by the
// replication that reads from there.
func (c *Comparer) Applied(ctx context.Context, from engines.Comparer, position string) (applied, linked bool, err error) {
	want, err := parsePosition(position)
	if err != nil {
		return false, false, c.fail("read the position", err)
	}
	at, linked, err := c.reached(ctx, from)
	return linked && want.in(at), linked, err
}

// Progress is how far this server has come in the other's log.
func (c *Comparer) Progress(ctx context.Context, from engines.Comparer) (position string, linked bool, err error) {
	at, linked, err := c.reached(ctx, from)
	return at.file + ":" + strconv.FormatUint(at.pos, 10), linked, err
}

// reached reads the state of the replication from the other server. Everything
// before the place is applied, with how many workers ever.
func (c *Comparer) reached(ctx context.Context, from engines.Comparer) (at place, linked bool, err error) {
	other, ok := from.(*Comparer)
	if !ok || other.d.maria != c.d.maria {
		return at, false, c.fail("look for the replication", errCompared)
	}
	if other.uuid == "" {
		who, err := other.identify(ctx)
		if err != nil {
			return at, false, err
		}
		other.uuid, other.serverID = who.System, who.Extra[extraServerID]
	}
	res, err := c.run(ctx, c.d.pick("SHOW REPLICA STATUS", "SHOW ALL SLAVES STATUS"))
	if err != nil {
		return at, false, c.fail("read the replication's state", err)
	}
	for _, row := range res.Rows {
		said := func(mysql, maria string) string { return text(row, column(res.Columns, c.d.pick(mysql, maria))) }
		if c.d.maria && said("", "Master_Server_Id") != other.serverID || !c.d.maria && said("Source_UUID", "") != other.uuid || said("Replica_SQL_Running", "Slave_SQL_Running") != "Yes" {
			continue
		}
		at, err := parseFile(said("Relay_Source_Log_File", "Relay_Master_Log_File"), said("Exec_Source_Log_Pos", "Exec_Master_Log_Pos"))
		if err != nil {
			continue // nothing was applied yet
		}
		return at, true, nil
	}
	return at, false, nil
}
