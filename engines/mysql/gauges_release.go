package mysql

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

var (
	errShape    = errors.New("the table has not both shapes")
	errNoTable  = errors.New("the table is not there, or our account may not see it")
	errUnseen   = errors.New("a view whose text our account may not read")
	errTriggers = errors.New("our account may not see the table's triggers")
)

// releaseGauges are the gauges of a database that versions of an application
// share. They are read where the runbook has a schema.
func releaseGauges() []string {
	return []string{
		"generation", "shape", "blue_sessions_count", "turquoise_sessions_count", "green_sessions_count", "unknown_sessions_count",
		"blue_active_count", "turquoise_active_count", "green_active_count", "unvalidated_count",
		"blue_login", "turquoise_login", "green_login", "left_count", "mismatch_count", "detail_count",
		"oldest_xact_seconds", "metadata_waits_count", "old_uses_count", "row_logging", "trigger_right", "running_count", "history_length_count",
	}
}

// release reads what a release on a shared database is judged by.
func (k *tick) release(ctx context.Context) {
	c := k.in.Change
	k.sessionsOf(ctx, c)
	generation := k.shape(ctx, c)
	k.surroundings(ctx, c)
	k.uses(ctx, c)
	n, err := engines.Tally{}, error(errShape)
	if generation == engines.ShapeBoth || generation == engines.ShapePartial {
		n, err = k.r.tallies.Last(&teller{open: k.r.open, change: c}, firstKey)
	}
	k.out = append(k.out, n.Readings(k.in.On, k.took, err)...)
}

// sessionSQL counts sessions by user. The join asks for the right to see the
// sessions of others; without it the server refuses, and nobody reads a zero. Who
// reads the log is a client too: it knows columns by name.
const sessionSQL = `SELECT p.user, COUNT(*), SUM(p.command <> 'Sleep' OR t.trx_id IS NOT NULL)
FROM information_schema.processlist p LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
WHERE p.id <> CONNECTION_ID() AND p.command <> 'Daemon' AND p.user NOT IN (%OURS%) GROUP BY 1`

// sessionsOf counts sessions by account: an account can be proven, a name is the
// client's claim. Accounts that nobody named are a finding, never nothing.
func (k *tick) sessionsOf(ctx context.Context, c *engines.SchemaChange) {
	p := scopePlan(k.in)
	count, active := map[string]int{}, map[string]int{}
	res, err := k.ask(ctx, "count sessions by account", replace(sessionSQL, "%OURS%", list([]string{p.own, p.repl, "system user", "event_scheduler", "mysql.session", "rdsadmin", "unauthenticated user"})))
	for _, row := range res.Rows {
		n, nerr := strconv.Atoi(text(row, 1))
		busy, berr := strconv.Atoi(text(row, 2))
		if nerr != nil || berr != nil {
			err = errNumber
		}
		count[text(row, 0)], active[text(row, 0)] = n, busy
	}
	logins := map[string]string{}
	all, lerr := k.ask(ctx, "read who may log in", "SELECT user, IF(SUM("+k.d.pick("account_locked = 'N'", "COALESCE(JSON_VALUE(priv, '$.account_locked'), '0') NOT IN ('1', 'true')")+
		") > 0, 'open', 'shut') FROM "+k.d.pick("mysql.user", "mysql.global_priv")+" GROUP BY user")
	for _, row := range all.Rows {
		logins[text(row, 0)] = text(row, 1)
	}
	seen := engines.Seen{Sessions: count, Active: active, Logins: logins, Err: err, LoginErr: lerr}
	seen.Add(c, func(role string) string { user, _ := accountOf(role); return user }, k.add)
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
	d := r.dialect()
	cols := []string{"(SELECT COUNT(*) FROM information_schema.tables WHERE " + inTable(c.Table) + ")"}
	all := slices.Concat(c.Old, c.New, c.Both)
	for _, o := range all {
		cols = append(cols, d.readingOf(c.Table, o))
	}
	res, err := r.query(ctx, "read the shape of "+c.Table, "SELECT "+strings.Join(cols, ",\n "))
	if err == nil && (len(res.Rows) != 1 || text(res.Rows[0], 0) != "1") {
		err = &engines.Error{Op: "read the shape", Object: c.Table, Err: errNoTable, Next: "grant our account rights on the table"}
	}
	if err != nil {
		return nil, nil, nil, err
	}
	old, latest, both = c.Read(func(i int) (string, string) { return text(res.Rows[0], 2*i+1), text(res.Rows[0], 2*i+2) }, usual)
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

// surroundSQL is what a change of the catalog would meet. A session that waits
// for a metadata lock is the head of a queue: whoever comes after it waits too.
const surroundSQL = `SELECT
 (SELECT COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND, t.trx_started, SYSDATE(6))), 0) / 1000000 FROM information_schema.innodb_trx t
   JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE %CLIENT%),
 (SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table metadata lock%' OR state = 'Waiting for table flush'),
 %UNPROVEN%,
 (SELECT variable_value FROM %STATUS%.global_status WHERE variable_name = 'Threads_running'),
 (SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'),
 IF(@@global.log_bin = 0, 'row', LOWER(@@global.binlog_format)),
 IF(@@global.log_bin = 0 OR @@global.log_bin_trust_function_creators = 1 OR
  (SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee = ` + grantee + ` AND privilege_type = 'SUPER') > 0, 'yes', 'no')`

// surroundings are what a change of the catalog would meet, and what the server
// has to do besides. NOT NULL on the column that is filled is the one proof of the
// new shape that the catalog keeps: until then every row may still be without it.
func (k *tick) surroundings(ctx context.Context, c *engines.SchemaChange) {
	p := scopePlan(k.in)
	unproven := "(SELECT COUNT(*) FROM information_schema.columns WHERE " + inTable(c.Table) + " AND column_name = " + lit(c.Filled) + " AND is_nullable = 'YES')"
	res, err := k.ask(ctx, "look around "+c.Table, replace(surroundSQL, "%CLIENT%", clientSession(p.own, p.repl), "%UNPROVEN%", unproven,
		"%STATUS%", k.d.pick("performance_schema", "information_schema")))
	if err == nil && len(res.Rows) != 1 {
		err = errRow
	}
	for i, g := range []struct {
		name string
		unit engines.Unit
	}{{"oldest_xact_seconds", engines.Seconds}, {"metadata_waits_count", engines.Count}, {"unvalidated_count", engines.Count},
		{"running_count", engines.Count}, {"history_length_count", engines.Count}} {
		v, verr := 0.0, err
		if err == nil {
			if v, verr = strconv.ParseFloat(text(res.Rows[0], i), 64); verr != nil {
				verr = errNumber
			}
		}
		k.add(g.name, g.unit, v, "", verr)
	}
	for i, name := range []string{"row_logging", "trigger_right"} {
		word := ""
		if err == nil {
			word = text(res.Rows[0], i+5)
		}
		k.add(name, engines.Count, 0, word, err)
	}
}

// usesSQL counts what names an old column and would break without it: views and
// generated columns by their text, triggers on the table but those of the change,
// foreign keys, and indexes, which lose the column without a word. Texts are
// searched for the name in quotes, or as a word; one that means another column of
// that name counts too.
const usesSQL = `SELECT (SELECT COUNT(*) FROM information_schema.views WHERE view_definition LIKE %TABLE% AND (%INVIEW%)),
 (SELECT COUNT(*) FROM information_schema.views WHERE view_definition = '' AND table_schema NOT IN (%SYSTEM%)),
 (SELECT COUNT(*) FROM information_schema.columns WHERE %WHERE% AND COALESCE(generation_expression, '') <> '' AND (%INEXPR%)),
 (SELECT COUNT(*) FROM information_schema.triggers WHERE event_object_schema = %SCHEMA% AND event_object_table = %NAME% AND trigger_name NOT IN (%OURS%) AND (%INBODY%)),
 (SELECT COUNT(*) FROM information_schema.key_column_usage WHERE %WHERE% AND column_name IN (%COLUMNS%) AND referenced_table_name IS NOT NULL
   OR referenced_table_schema = %SCHEMA% AND referenced_table_name = %NAME% AND referenced_column_name IN (%COLUMNS%)),
 (SELECT COUNT(DISTINCT index_name) FROM information_schema.statistics WHERE %WHERE% AND column_name IN (%COLUMNS%)),
 (SELECT COUNT(*) FROM information_schema.user_privileges WHERE grantee = ` + grantee + ` AND privilege_type = 'TRIGGER') +
 (SELECT COUNT(*) FROM information_schema.schema_privileges WHERE grantee = ` + grantee + ` AND privilege_type = 'TRIGGER' AND %SCHEMA% LIKE table_schema) +
 (SELECT COUNT(*) FROM information_schema.table_privileges WHERE grantee = ` + grantee + ` AND privilege_type = 'TRIGGER' AND %WHERE%)`

func (k *tick) uses(ctx context.Context, c *engines.SchemaChange) {
	var cols, view, expr, body, ours []string
	for _, m := range c.Down {
		cols = append(cols, m.Column)
		view = append(view, "view_definition LIKE "+lit("%`"+m.Column+"`%"))
		expr = append(expr, "generation_expression LIKE "+lit("%"+m.Column+"%"))
		body = append(body, "action_statement LIKE "+lit("%"+m.Column+"%"))
	}
	for _, o := range c.Both {
		if o.Kind == "trigger" {
			ours = append(ours, o.Name)
		}
	}
	schema, name := splitName(c.Table)
	res, err := k.ask(ctx, "look who names the old columns", replace(usesSQL, "%TABLE%", lit("%`"+name+"`%"), "%INVIEW%", strings.Join(view, " OR "), "%INEXPR%", strings.Join(expr, " OR "),
		"%INBODY%", strings.Join(body, " OR "), "%WHERE%", inTable(c.Table), "%SCHEMA%", schema, "%NAME%", lit(name), "%OURS%", list(ours), "%COLUMNS%", list(cols), "%SYSTEM%", notUsers))
	n := 0.0
	switch {
	case err != nil:
	case len(res.Rows) != 1:
		err = errRow
	case text(res.Rows[0], 1) != "0":
		err = errUnseen
	case text(res.Rows[0], 6) == "0":
		err = errTriggers
	default:
		for _, i := range []int{0, 2, 3, 4, 5} {
			v, verr := strconv.ParseFloat(text(res.Rows[0], i), 64)
			if verr != nil {
				err = errNumber
			}
			n += v
		}
	}
	k.add("old_uses_count", engines.Count, n, "", err)
}
