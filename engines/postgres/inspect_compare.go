package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// pairs is a query's first column with its second.
func (e *eye) pairs(ctx context.Context, sql string, args ...string) (map[string]string, error) {
	rows, err := e.rows(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]string, len(rows))
	for _, r := range rows {
		out[text(r, 0)] = text(r, 1)
	}
	return out, nil
}

// compare asks both sides the same and lists what differs, by name. The
// runbook may expect a difference.
func (k *look) compare(ctx context.Context, sql string, args ...string) ([]engines.Difference, error) {
	mine, err := k.me.pairs(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	theirs, err := k.peer.pairs(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return k.unexpected(engines.Differences(mine, theirs)), nil
}

func (k *look) unexpected(ds []engines.Difference) []engines.Difference {
	return slices.DeleteFunc(ds, func(d engines.Difference) bool { return slices.Contains(k.p.Lists["expected_schema_diff"], d.Name) })
}

func (k *look) list(ds []engines.Difference) []string {
	out := make([]string, len(ds))
	for i, d := range ds {
		out[i] = d.Tell(k.in.On, k.other())
	}
	return out
}

// differInBoth passes if what both sides have is alike; what one side lacks is
// the schema comparison's to tell.
func differInBoth(sql string) func(context.Context, *look) (answer, error) {
	return func(ctx context.Context, k *look) (answer, error) {
		ds, err := k.compare(ctx, sql)
		ds = slices.DeleteFunc(ds, func(d engines.Difference) bool { return d.OnlyHere || d.OnlyThere })
		return preflight.Found(engines.Block, k.list(ds)), err
	}
}

// feltSettings are those a client feels in the answers it gets.
const feltSettings = `'TimeZone', 'DateStyle', 'IntervalStyle', 'bytea_output', 'extra_float_digits', 'default_transaction_isolation', 'search_path',
 'standard_conforming_strings', 'lc_monetary', 'lc_numeric', 'lc_time', 'row_security', 'max_prepared_transactions', 'shared_preload_libraries',
 'default_text_search_config', 'xmloption', 'array_nulls', 'transform_null_equals'`

const settingPairs = `SELECT 'setting ' || name, coalesce(setting, '') FROM pg_settings WHERE name IN (` + feltSettings + `)
 UNION ALL SELECT 'ALTER ' || coalesce('ROLE ' || quote_ident(r.rolname), 'DATABASE') || CASE WHEN s.setdatabase <> 0 AND s.setrole <> 0 THEN ' IN DATABASE' ELSE '' END || ' SET ' ||
  split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
 FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole CROSS JOIN LATERAL unnest(s.setconfig) c
 WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AND coalesce(r.rolname <> ALL ($1::name[]), true)
  AND split_part(c, '=', 1) NOT IN ('default_transaction_read_only', 'turquoise.lab')`

// settingsEqual asks over sessions that start as a client's does: our own
// startup settings would hide the server's. The guard's read-only default and
// the lab's mark are ours.
func settingsEqual(ctx context.Context, k *look) (answer, error) {
	var got [2]map[string]string
	for i, e := range []*eye{k.me, k.peer} {
		plain, err := e.plain(ctx)
		if err != nil {
			return answer{}, e.fail(err)
		}
		res, err := run(ctx, plain, `SET search_path = pg_catalog`, nil)
		if err == nil {
			// search_path is ours now; what it was is in reset_val.
			res, err = run(ctx, plain, strings.Replace(settingPairs, "coalesce(setting, '')", "coalesce(reset_val, '')", 1), []string{arrayText([]string{k.p.own, k.p.repl, e.login})})
		}
		_ = plain.Close(ctx)
		if err != nil {
			return answer{}, e.fail(err)
		}
		got[i] = map[string]string{}
		for _, r := range res.Rows {
			got[i][text(r, 0)] = text(r, 1)
		}
	}
	return preflight.Found(engines.Caution, k.list(k.unexpected(engines.Differences(got[0], got[1])))), nil
}

// plain is a session with the server's own defaults.
func (e *eye) plain(ctx context.Context) (*pgconn.PgConn, error) {
	cfg := e.cfg.Copy()
	for name := range cfg.RuntimeParams {
		switch name {
		case "application_name", "statement_timeout", "default_transaction_read_only":
		default:
			delete(cfg.RuntimeParams, name)
		}
	}
	var m engines.Meter
	return dial(ctx, cfg, &m)
}

// bigEnough compares limits that refuse or slow clients. What blue needed at
// its peak is not in any view; its limit is what it was given.
func bigEnough(ctx context.Context, k *look) (answer, error) {
	const limits = `SELECT name, setting::bigint FROM pg_settings WHERE name IN ('max_connections', 'shared_buffers', 'work_mem', 'effective_cache_size',
 'max_wal_size', 'maintenance_work_mem') AND setting::bigint > 0`
	ds, err := k.compare(ctx, limits)
	if err != nil {
		return answer{}, err
	}
	ds = slices.DeleteFunc(ds, func(d engines.Difference) bool {
		return d.OnlyHere || len(d.Here) > len(d.There) || len(d.Here) == len(d.There) && d.Here >= d.There
	})
	return preflight.Found(engines.Caution, k.list(ds)), nil
}
