package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errShape = errors.New("the table has not both shapes")
)

// releaseGauges are the gauges of a database that versions of an application
// share. They are read where the runbook has a schema.
func releaseGauges() []string {
	return []string{
		"generation", "shape", "blue_sessions_count", "turquoise_sessions_count", "green_sessions_count", "unknown_sessions_count",
		"blue_active_count", "turquoise_active_count", "green_active_count", "unvalidated_count",
		"blue_login", "turquoise_login", "green_login", "left_count", "mismatch_count", "detail_count",
		"invalid_indexes_count", "oldest_xact_seconds", "wraparound_count", "old_uses_count", "replica_lag_seconds",
	}
}

// release reads what a release on a shared database is judged by.
func (k *tick) release(ctx context.Context) {
	c := k.in.Change
	k.sessionsOf(ctx, c)
	generation := k.shape(ctx, c)
	k.surroundings(ctx, c)
	k.counts(c, generation)
}

// sessionsOf counts sessions by role: a role can be proven, a name is the
// client's claim. Roles that nobody named are a finding, never nothing.
func (k *tick) sessionsOf(ctx context.Context, c *engines.SchemaChange) {
	count, active, logins := map[string]int{}, map[string]int{}, map[string]string{}
	p := scopePlan(k.in)
	res, err := k.ask(ctx, "count sessions by role", `SELECT coalesce(usename, '?'), count(*), bool_or(query = '<insufficient privilege>'),
 count(*) FILTER (WHERE state IS DISTINCT FROM 'idle') FROM pg_catalog.pg_stat_activity
 WHERE datname = current_database() AND (backend_type IS NULL OR backend_type = 'client backend' AND NOT `+p.ours()+`) GROUP BY 1`)
	for _, row := range res.Rows {
		n, nerr := strconv.Atoi(text(row, 1))
		busy, berr := strconv.Atoi(text(row, 3))
		switch {
		case nerr != nil || berr != nil:
			err = errNumber
		case text(row, 2) == "t":
			err = errBlind
		}
		count[text(row, 0)] += n
		active[text(row, 0)] += busy
	}
	res, lerr := k.ask(ctx, "read who may log in", `SELECT rolname, CASE WHEN rolcanlogin THEN 'open' ELSE 'shut' END FROM pg_catalog.pg_roles`)
	for _, row := range res.Rows {
		logins[text(row, 0)] = text(row, 1)
	}
	seen := engines.Seen{Sessions: count, Active: active, Logins: logins, Err: err, LoginErr: lerr}
	seen.Add(c, func(role string) string { return role }, k.add)
}

// ask is a question of this tick; what broke the tick breaks it too.
func (k *tick) ask(ctx context.Context, op, sql string) (engines.Result, error) {
	if k.err != nil {
		return engines.Result{}, k.err
	}
	return k.r.query(ctx, op, sql)
}

// Objects reads the objects of both shapes as the catalog has them.
func (r *Reader) Objects(ctx context.Context, c *engines.SchemaChange) (old, latest, both []engines.ObjectReading, err error) {
	var cols []string
	all := slices.Concat(c.Old, c.New, c.Both)
	for _, o := range all {
		cols = append(cols, readingOf(c.Table, o))
	}
	res, err := r.query(ctx, "read the shape of "+c.Table, "SELECT "+strings.Join(cols, ",\n "))
	if err != nil {
		return nil, nil, nil, err
	}
	old, latest, both = c.Read(func(i int) (string, string) { return text(res.Rows[0], 2*i), text(res.Rows[0], 2*i+1) }, usual)
	return old, latest, both, nil
}

// shape reads the catalog: which generation the table is of, and the hash of all
// definitions, which changes whenever anybody changes one.
func (k *tick) shape(ctx context.Context, c *engines.SchemaChange) string {
	err := k.err
	var old, latest, both []engines.ObjectReading
	if err == nil {
		old, latest, both, err = k.r.Objects(ctx, c)
	}
	return engines.AddShape(old, latest, both, err, k.add)
}

// surroundings are what a change of the catalog would meet.
func (k *tick) surroundings(ctx context.Context, c *engines.SchemaChange) {
	rel := "to_regclass(" + lit(table(c.Table)) + ")"
	cols := make([]string, 0, len(c.Down))
	for _, m := range c.Down {
		cols = append(cols, m.Column)
	}
	latest := make([]string, 0, len(c.Up))
	for _, m := range c.Up {
		latest = append(latest, m.Column)
	}
	triggers := []string{}
	for _, o := range c.Both {
		if o.Kind == "trigger" {
			triggers = append(triggers, o.Name)
		}
	}
	p := scopePlan(k.in)
	res, err := k.ask(ctx, "look around "+c.Table, `SELECT
 (SELECT count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = `+rel+` AND NOT (i.indisvalid AND i.indisready AND i.indislive)
   AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index b WHERE b.index_relid = i.indexrelid)),
 (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_catalog.pg_stat_activity
   WHERE datname = current_database() AND backend_type = 'client backend' AND NOT `+p.ours()+`),
 (SELECT count(*) FROM pg_catalog.pg_stat_progress_vacuum v JOIN pg_catalog.pg_stat_activity a USING (pid) WHERE v.relid = `+rel+` AND a.query LIKE '%(to prevent wraparound)%'),
 (SELECT count(DISTINCT (d.classid, d.objid)) FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = `+rel+` AND a.attname = ANY (`+list(cols)+`) AND d.deptype = 'n'
   AND NOT (d.classid = 'pg_trigger'::regclass AND d.objid IN (SELECT oid FROM pg_catalog.pg_trigger WHERE tgname = ANY (`+list(triggers)+`)))),
 (SELECT coalesce(max(extract(epoch FROM replay_lag)), 0) FROM pg_catalog.pg_stat_replication),
 (SELECT count(*) FROM pg_catalog.pg_constraint n WHERE n.conrelid = `+rel+` AND NOT n.convalidated
   AND EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a WHERE a.attrelid = n.conrelid AND a.attnum = ANY (n.conkey) AND a.attname = ANY (`+list(latest)+`)))`)
	for i, g := range []struct {
		name string
		unit engines.Unit
	}{{"invalid_indexes_count", engines.Count}, {"oldest_xact_seconds", engines.Seconds}, {"wraparound_count", engines.Count},
		{"old_uses_count", engines.Count}, {"replica_lag_seconds", engines.Seconds}, {"unvalidated_count", engines.Count}} {
		v, verr := 0.0, err
		if err == nil {
			v, verr = strconv.ParseFloat(text(res.Rows[0], i), 64)
		}
		k.add(g.name, g.unit, v, "", verr)
	}
}

// counts gives what the job that counts rows found last, with the time at which
// it began to look. Where a shape is missing nothing can be compared.
func (k *tick) counts(c *engines.SchemaChange, generation string) {
	n, err := engines.Tally{}, error(errShape)
	if generation == engines.ShapeBoth || generation == engines.ShapePartial {
		n, err = k.r.tallies.Last(&teller{cfg: k.r.tallyCfg, change: c}, firstKey)
	}
	k.out = append(k.out, n.Readings(k.in.On, k.took, err)...)
}
