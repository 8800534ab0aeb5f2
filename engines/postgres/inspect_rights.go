package postgres

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// rightChecks ask for each right by itself, so that the answer to a missing one
// is a GRANT and not "be superuser". A superuser has them all.
func rightChecks() []check {
	return []check{
		{ID: "G10/subscribe", Title: "Right to create subscriptions", Want: "superuser, or from 16 on pg_create_subscription",
			Cause: "Each side takes one link: green the way there, blue the way back.", Ask: maySubscribe},
		{ID: "G10/replicate", Title: "Right to create slots", Want: "REPLICATION",
			Cause: "The way back begins with a slot that is made under the freeze.", Next: "ALTER ROLE {own} REPLICATION on {here}",
			Ask: holds(engines.Block, `SELECT rolsuper OR rolreplication, CASE WHEN rolsuper THEN 'superuser' WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END
 FROM pg_roles WHERE rolname = current_user`)},
		{ID: "G10/create", Title: "Right to create the control schema", Want: "CREATE on {db}",
			Cause: "The token that proves the catch-up travels through a table of ours.", Next: "GRANT CREATE ON DATABASE {db} TO {own} on {here}",
			Ask: holds(engines.Block, `SELECT p, CASE WHEN p THEN 'granted' ELSE 'not granted' END FROM has_database_privilege(current_database(), 'CREATE') p`)},
		{ID: "G10/database", Title: "Right to close the database", Want: "owner of {db}, or a member of the owner",
			Cause: "New sessions of the side without the writes are read-only by a setting of the database.", Ask: mayAlterDatabase},
		{ID: "G10/roles", Title: "Right to close the application's roles", Want: "CREATEROLE, and from 16 on ADMIN on each of them",
			Cause: "The freeze takes their login away, and the abort gives it back.", Ask: mayCloseRoles},
		{ID: "G10/replication_role", Title: "Right to manage the replication role", Want: "superuser, or from 16 on ADMIN on it",
			Cause: "Its password is set for this run, and it goes when the way back is given up.", Ask: mayManageRepl},
		{ID: "G10/signal", Title: "Right to end sessions", Want: "pg_signal_backend, and no superuser connected",
			Cause: "A session that cannot be ended is a writer that stays.", Ask: maySignal},
		{ID: "G10/owners", Title: "Right to act for the owners", Needs: needTables, Want: "member of every role that owns a table, sequence or schema",
			Cause: "Only an owner publishes a table, and the subscription applies rows as the owner.", Ask: mayActAsOwners},
	}
}

func maySubscribe(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{Level: engines.Pass, Is: "superuser"}, nil
	}
	if k.me.major < 16 {
		return answer{Level: engines.Block, Is: "PostgreSQL " + strconv.Itoa(k.me.major) + " lets only a superuser create subscriptions",
			Next: "log in as a superuser on {here}; from PostgreSQL 16 on GRANT pg_create_subscription is enough"}, nil
	}
	row, err := k.me.row(ctx, `SELECT pg_has_role('pg_create_subscription', 'USAGE')`)
	if err != nil {
		return answer{}, err
	}
	if text(row, 0) != "t" {
		return preflight.Says(engines.Block, "not granted", "GRANT pg_create_subscription TO {own} on {here}"), nil
	}
	return answer{Level: engines.Pass, Is: "pg_create_subscription"}, nil
}

func mayAlterDatabase(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT pg_has_role(datdba, 'USAGE'), quote_ident(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = current_database()`)
	if err != nil {
		return answer{}, err
	}
	if text(row, 0) == "t" {
		return answer{Level: engines.Pass, Is: "owner is " + text(row, 1)}, nil
	}
	return preflight.Says(engines.Block, "owner is "+text(row, 1)+", and we are no member of it", "GRANT "+text(row, 1)+" TO {own} on {here}"), nil
}

// mayCloseRoles: below 16 CREATEROLE reaches every role but a superuser; from
// 16 on only those it has ADMIN on.
func mayCloseRoles(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{Level: engines.Pass, Is: "superuser"}, nil
	}
	can, err := k.me.row(ctx, `SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user`)
	if err != nil {
		return answer{}, err
	}
	if text(can, 0) != "t" {
		return preflight.Says(engines.Block, "NOCREATEROLE", "ALTER ROLE {own} CREATEROLE on {here}"), nil
	}
	super, err := k.me.names(ctx, `SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = ANY (`+list(k.p.app)+`) AND rolsuper ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	if len(super) > 0 {
		return preflight.Says(engines.Block, "superusers among the application's roles: "+preflight.Few(super), "ALTER ROLE "+super[0]+" NOSUPERUSER on {here}, or log in as a superuser"), nil
	}
	if k.me.major < 16 {
		return answer{Level: engines.Pass, Is: "CREATEROLE"}, nil
	}
	lack, err := k.me.names(ctx, `SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = ANY (`+list(k.p.app)+`)
 AND NOT pg_has_role(oid, 'MEMBER WITH ADMIN OPTION') ORDER BY 1`)
	a := preflight.Found(engines.Block, lack)
	if len(lack) > 0 {
		a.Is, a.Next = "no ADMIN on "+a.Is, "GRANT "+lack[0]+" TO {own} WITH ADMIN OPTION on {here}"
	}
	return a, err
}

func mayManageRepl(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{Level: engines.Pass, Is: "superuser"}, nil
	}
	if k.me.major < 16 {
		return answer{Level: engines.Block, Is: "PostgreSQL " + strconv.Itoa(k.me.major) + " lets only a superuser change a role with REPLICATION",
			Next: "log in as a superuser on {here}; from PostgreSQL 16 on CREATEROLE and REPLICATION are enough"}, nil
	}
	row, err := k.me.row(ctx, `SELECT me.rolcreaterole AND me.rolreplication, r.oid IS NOT NULL, coalesce(pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION'), false),
 coalesce(r.rolsuper, false) FROM pg_roles me LEFT JOIN pg_roles r ON r.rolname = $1 WHERE me.rolname = current_user`, k.p.repl)
	if err != nil {
		return answer{}, err
	}
	repl := ident(k.p.repl)
	switch {
	case text(row, 3) == "t":
		return preflight.Says(engines.Block, k.p.repl+" is superuser", "ALTER ROLE "+repl+" NOSUPERUSER on {here}"), nil
	case text(row, 0) != "t":
		return preflight.Says(engines.Block, "not both CREATEROLE and REPLICATION", "ALTER ROLE {own} CREATEROLE REPLICATION on {here}"), nil
	case text(row, 1) == "t" && text(row, 2) != "t":
		return preflight.Says(engines.Block, "no ADMIN on "+k.p.repl, "GRANT "+repl+" TO {own} WITH ADMIN OPTION on {here}"), nil
	}
	return answer{Level: engines.Pass, Is: "ADMIN, or it is made by us"}, nil
}

// maySignal: pg_signal_backend does not reach a superuser's session.
func maySignal(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{Level: engines.Pass, Is: "superuser"}, nil
	}
	row, err := k.me.row(ctx, `SELECT pg_has_role('pg_signal_backend', 'USAGE')`)
	if err != nil {
		return answer{}, err
	}
	if text(row, 0) != "t" {
		return preflight.Says(engines.Block, "pg_signal_backend is not granted", "GRANT pg_signal_backend TO {own} on {here}"), nil
	}
	if !k.me.stats {
		return preflight.Says(engines.Blind, "pg_signal_backend is granted; whose sessions there are is not seen", "GRANT pg_monitor TO {own} on {here}"), nil
	}
	super, err := k.me.names(ctx, `SELECT DISTINCT a.usename || ' (' || a.application_name || ')' FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
 WHERE r.rolsuper AND a.backend_type = 'client backend' AND a.datname = current_database() AND a.usename <> ALL (`+list(k.p.spared())+`) ORDER BY 1`)
	a := preflight.Found(engines.Block, super)
	if len(super) > 0 {
		a.Is = "superusers are connected, " + a.Is
		a.Next = "let them disconnect before the window, or name them in keep_roles"
	}
	return a, err
}

// mayActAsOwners: from 16 on the apply worker changes to each table's owner, so
// the subscription's owner must be able to; below that it is a superuser anyway.
func mayActAsOwners(ctx context.Context, k *look) (answer, error) {
	set := ""
	if k.me.major >= 16 {
		set = ` OR NOT pg_has_role(owner, 'SET')`
	}
	rows, err := k.me.rows(ctx, `SELECT quote_ident(r.rolname), r.rolsuper FROM (`+owners+`) o JOIN pg_roles r ON r.oid = o.owner
 WHERE NOT pg_has_role(owner, 'USAGE')`+set+` ORDER BY r.rolsuper, 1`)
	if err != nil {
		return answer{}, err
	}
	var lack []string
	for _, r := range rows {
		lack = append(lack, text(r, 0))
	}
	a := preflight.Found(engines.Block, lack)
	switch {
	case len(lack) == 0:
	case text(rows[0], 1) == "t":
		// Membership in a superuser would make us one.
		a.Is, a.Next = "owned by a superuser, "+a.Is, "REASSIGN what is to move to a role that is no superuser, on {here}"
	case k.me.major >= 16:
		a.Is, a.Next = "no member of "+a.Is, "GRANT "+lack[0]+" TO {own} WITH INHERIT TRUE, SET TRUE on {here}"
	default:
		a.Is, a.Next = "no member of "+a.Is, "GRANT "+lack[0]+" TO {own} on {here}"
	}
	return a, nil
}

// owners are the roles that own what moves. An extension's tables stay with it.
const owners = `SELECT DISTINCT c.relowner AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm') AND ` + userRelation + `
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 UNION SELECT n.nspowner FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')`
