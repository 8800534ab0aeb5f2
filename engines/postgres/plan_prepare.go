package postgres

import (
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// controlCreate makes the tables that carry the fence token and its
// acknowledgement. They exist before the copy, so that both sides have them.
func (p plan) controlCreate() (engines.Parts, error) {
	as := []engines.Action{engines.Act(p.On, "schema of the control tables", `CREATE SCHEMA IF NOT EXISTS tq`)}
	as[0].Proof = engines.Ask(p.On, "schema is there", `SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'tq'`, "1")
	for _, t := range []struct{ name, columns string }{
		{"fence", "token text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp()"},
		{"ack", "token text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp()"},
		{"beat", "side text PRIMARY KEY, n bigint NOT NULL, at timestamptz NOT NULL"},
	} {
		a := engines.Act(p.On, "control table tq."+t.name, "CREATE TABLE IF NOT EXISTS tq."+t.name+" ("+t.columns+")")
		as = append(as, engines.Proven(a, engines.Ask(p.On, "tq."+t.name+" is there", "SELECT to_regclass('tq."+t.name+"') IS NOT NULL", "t")))
	}
	drop, _ := p.controlDrop()
	return engines.Parts{Actions: as, Undo: engines.Undoing(1, drop.Actions...)}, nil
}

func (p plan) controlDrop() (engines.Parts, error) {
	a := engines.Act(p.On, "drop the control tables", `DROP SCHEMA IF EXISTS tq CASCADE`)
	a.Proof = engines.Ask(p.On, "no control tables", `SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = 'tq'`, "0")
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "the control tables hold nothing but tokens of past attempts"}, nil
}

// roleCreate makes the replication role, or gives an existing one the password
// of this run. The copy workers read every table as this role; without the
// grants they fail for ever, in the subscriber's log alone.
func (p plan) roleCreate() (engines.Parts, error) {
	r := ident(p.repl)
	create := body("BEGIN\n  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + lit(p.repl) + ") THEN\n    CREATE ROLE " +
		r + " LOGIN REPLICATION;\n  END IF;\nEND")
	grants := body(`DECLARE n name;
BEGIN
  FOR n IN SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', n, ` + lit(p.repl) + `);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', n, ` + lit(p.repl) + `);
  END LOOP;
END`)
	attrs := `SELECT rolcanlogin, rolreplication FROM pg_catalog.pg_roles WHERE rolname = ` + lit(p.repl)
	hidden := `SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
   AND NOT (has_table_privilege(` + lit(p.repl) + `, c.oid, 'SELECT') AND has_schema_privilege(` + lit(p.repl) + `, n.oid, 'USAGE'))`
	return engines.Parts{
		Actions: []engines.Action{
			engines.Proven(engines.Act(p.On, "replication role", create), engines.Ask(p.On, "the role is there",
				`SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = `+lit(p.repl), "1")),
			engines.Proven(engines.Act(p.On, "password of the replication role",
				"ALTER ROLE "+r+" LOGIN REPLICATION PASSWORD '${secret:repl_scram}'"), engines.Ask(p.On, "it may log in and replicate", attrs, "t / t")),
			engines.Proven(engines.Act(p.On, "no time limit for the replication role", "ALTER ROLE "+r+" SET statement_timeout = 0"),
				engines.Ask(p.On, "the setting is there", `SELECT 'statement_timeout=0' = ANY(rolconfig) FROM pg_catalog.pg_roles WHERE rolname = `+lit(p.repl), "t")),
			engines.Proven(engines.Act(p.On, "the replication role may read", grants), engines.Ask(p.On, "tables it cannot read", hidden, "0")),
		},
		UndoNone: "the role may have served before; its own drop step removes it",
	}, nil
}

func (p plan) roleDrop() (engines.Parts, error) {
	join := ""
	if p.plainRole(p.On) {
		// Only a member may drop what a role was granted; whoever made the role
		// has ADMIN on it and may join.
		join = "GRANT " + ident(p.repl) + " TO CURRENT_USER;\n    "
	}
	drop := body("BEGIN\n  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = " + lit(p.repl) + ") THEN\n    " + join + "DROP OWNED BY " + ident(p.repl) +
		";\n    DROP ROLE " + ident(p.repl) + ";\n  END IF;\nEND")
	a := engines.Proven(engines.Act(p.On, "drop the replication role", drop),
		engines.Ask(p.On, "the role is gone", `SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = `+lit(p.repl), "0"))
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "no link uses the role any more"}, nil
}

// userTables counts the tables a schema copy brings.
const userTables = `SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`

// seed copies the schema without data. The side that gets it must be empty.
func (p plan) seed() (engines.Parts, error) {
	conn, err := p.conninfo(p.From)
	if err != nil {
		return engines.Parts{}, err
	}
	count := engines.Act(p.From, "count the tables", userTables)
	count.Captures = []engines.Capture{{Var: "seed_tables"}}
	load := engines.Action{Target: p.To, Verb: engines.Exec, Title: "copy the schema",
		Text: "PGPASSWORD=${secret:repl} pg_dump --schema-only --no-publications --no-subscriptions '--dbname=" + strings.ReplaceAll(conn, "'", "") +
			"'\n| psql --no-psqlrc --quiet --single-transaction --set=ON_ERROR_STOP=1"}
	load.Proof = engines.Ask(p.To, "as many tables on both sides", strings.Replace(userTables, "count(*)", "count(*) = $1::bigint", 1), "t")
	load.Proof.Binds = []engines.Bind{{Var: "seed_tables", Why: "number of tables on " + string(p.From) + ", counted before"}}
	return engines.Parts{Actions: []engines.Action{count, engines.Checked(p.To, "the side is empty", userTables, "0"), load},
		UndoNone: "drop the new side's database and make it again"}, nil
}

// conninfo is how the other server reaches a side, without a password.
func (p plan) conninfo(side engines.TargetID) (string, error) {
	v := strings.TrimSpace(p.Params[string(side)+"_conninfo"])
	if v == "" || strings.Contains(v, "password") || strings.Contains(v, "://") {
		return "", &engines.Error{Op: "plan " + p.Kind, Object: string(side), Err: errConninfo,
			Next: "set parameter " + string(side) + "_conninfo to host=… port=… dbname=… user=…"}
	}
	return v, nil
}
