package postgres

import (
	"context"
	"strconv"

	"github.com/turquoise-db/turquoise/engines"
)

// rightChecks ask for each right by itself, so that the answer to a missing one
// is a GRANT and not "be superuser". A superuser has them all.
func rightChecks() []check {
	return []check{
		{id: "G10/subscribe", title: "Right to create subscriptions", want: "superuser, or from 16 on pg_create_subscription",
			cause: "Each side takes one link: green the way there, blue the way back.", ask: maySubscribe},
		{id: "G10/replicate", title: "Right to create slots", want: "REPLICATION",
			cause: "The way back begins with a slot that is made under the freeze.", next: "ALTER ROLE {own} REPLICATION on {here}",
			ask: holds(engines.Block, `SELECT rolsuper OR rolreplication, CASE WHEN rolsuper THEN 'superuser' WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END
 FROM pg_roles WHERE rolname = current_user`)},
		{id: "G10/create", title: "Right to create the control schema", want: "CREATE on {db}",
			cause: "The token that proves the catch-up travels through a table of ours.", next: "GRANT CREATE ON DATABASE {db} TO {own} on {here}",
			ask: holds(engines.Block, `SELECT p, CASE WHEN p THEN 'granted' ELSE 'not granted' END FROM has_database_privilege(current_database(), 'CREATE') p`)},
		{id: "G10/database", title: "Right to close the database", want: "owner of {db}, or a member of the owner",
			cause: "New sessions of the side without the writes are read-only by a setting of the database.", ask: mayAlterDatabase},
		{id: "G10/roles", title: "Right to close the application's roles", want: "CREATEROLE, and from 16 on ADMIN on each of them",
			cause: "The freeze takes their login away, and the abort gives it back.", ask: mayCloseRoles},
		{id: "G10/replication_role", title: "Right to manage the replication role", want: "superuser, or from 16 on ADMIN on it",
			cause: "Its password is set for this run, and it goes when the way back is given up.", ask: mayManageRepl},
		{id: "G10/signal", title: "Right to end sessions", want: "pg_signal_backend, and no superuser connected",
			cause: "A session that cannot be ended is a writer that stays.", ask: maySignal},
		{id: "G10/owners", title: "Right to act for the owners", needs: needTables, want: "member of every role that owns a table, sequence or schema",
			cause: "Only an owner publishes a table, and the subscription applies rows as the owner.", ask: mayActAsOwners},
	}
}

func maySubscribe(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{level: engines.Pass, is: "superuser"}, nil
	}
	if k.me.major < 16 {
		return answer{level: engines.Block, is: "PostgreSQL " + strconv.Itoa(k.me.major) + " lets only a superuser create subscriptions",
			next: "log in as a superuser on {here}; from PostgreSQL 16 on GRANT pg_create_subscription is enough"}, nil
	}
	row, err := k.me.row(ctx, `SELECT pg_has_role('pg_create_subscription', 'USAGE')`)
	if err != nil {
		return answer{}, err
	}
	if text(row, 0) != "t" {
		return answer{engines.Block, "not granted", "GRANT pg_create_subscription TO {own} on {here}"}, nil
	}
	return answer{level: engines.Pass, is: "pg_create_subscription"}, nil
}

func mayAlterDatabase(ctx context.Context, k *look) (answer, error) {
	row, err := k.me.row(ctx, `SELECT pg_has_role(datdba, 'USAGE'), quote_ident(pg_get_userbyid(datdba)) FROM pg_database WHERE datname = current_database()`)
	if err != nil {
		return answer{}, err
	}
	if text(row, 0) == "t" {
		return answer{level: engines.Pass, is: "owner is " + text(row, 1)}, nil
	}
	return answer{engines.Block, "owner is " + text(row, 1) + ", and we are no member of it", "GRANT " + text(row, 1) + " TO {own} on {here}"}, nil
}

// mayCloseRoles: below 16 CREATEROLE reaches every role but a superuser; from
// 16 on only those it has ADMIN on.
func mayCloseRoles(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{level: engines.Pass, is: "superuser"}, nil
	}
	can, err := k.me.row(ctx, `SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user`)
	if err != nil {
		return answer{}, err
	}
	if text(can, 0) != "t" {
		return answer{engines.Block, "NOCREATEROLE", "ALTER ROLE {own} CREATEROLE on {here}"}, nil
	}
	super, err := k.me.names(ctx, `SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = ANY (`+list(k.p.app)+`) AND rolsuper ORDER BY 1`)
	if err != nil {
		return answer{}, err
	}
	if len(super) > 0 {
		return answer{engines.Block, "superusers among the application's roles: " + few(super), "ALTER ROLE " + super[0] + " NOSUPERUSER on {here}, or log in as a superuser"}, nil
	}
	if k.me.major < 16 {
		return answer{level: engines.Pass, is: "CREATEROLE"}, nil
	}
	lack, err := k.me.names(ctx, `SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = ANY (`+list(k.p.app)+`)
 AND NOT pg_has_role(oid, 'MEMBER WITH ADMIN OPTION') ORDER BY 1`)
	a := found(engines.Block, lack)
	if len(lack) > 0 {
		a.is, a.next = "no ADMIN on "+a.is, "GRANT "+lack[0]+" TO {own} WITH ADMIN OPTION on {here}"
	}
	return a, err
}

func mayManageRepl(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{level: engines.Pass, is: "superuser"}, nil
	}
	if k.me.major < 16 {
		return answer{level: engines.Block, is: "PostgreSQL " + strconv.Itoa(k.me.major) + " lets only a superuser change a role with REPLICATION",
			next: "log in as a superuser on {here}; from PostgreSQL 16 on CREATEROLE and REPLICATION are enough"}, nil
	}
	row, err := k.me.row(ctx, `SELECT me.rolcreaterole AND me.rolreplication, r.oid IS NOT NULL, coalesce(pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION'), false),
 coalesce(r.rolsuper, false) FROM pg_roles me LEFT JOIN pg_roles r ON r.rolname = $1 WHERE me.rolname = current_user`, k.p.repl)
	if err != nil {
		return answer{}, err
	}
	repl := ident(k.p.repl)
	switch {
	case text(row, 3) == "t":
		return answer{engines.Block, k.p.repl + " is superuser", "ALTER ROLE " + repl + " NOSUPERUSER on {here}"}, nil
	case text(row, 0) != "t":
		return answer{engines.Block, "not both CREATEROLE and REPLICATION", "ALTER ROLE {own} CREATEROLE REPLICATION on {here}"}, nil
	case text(row, 1) == "t" && text(row, 2) != "t":
		return answer{engines.Block, "no ADMIN on " + k.p.repl, "GRANT " + repl + " TO {own} WITH ADMIN OPTION on {here}"}, nil
	}
	return answer{level: engines.Pass, is: "ADMIN, or it is made by us"}, nil
}

// maySignal: pg_signal_backend does not reach a superuser's session.
func maySignal(ctx context.Context, k *look) (answer, error) {
	if k.me.super {
		return answer{level: engines.Pass, is: "superuser"}, nil
	}
	row, err := k.me.row(ctx, `SELECT pg_has_role('pg_signal_backend', 'USAGE')`)
	if err != nil {
		return answer{}, err
	}
	if text(row, 0) != "t" {
		return answer{engines.Block, "pg_signal_backend is not granted", "GRANT pg_signal_backend TO {own} on {here}"}, nil
	}
	if !k.me.stats {
		return answer{engines.Blind, "pg_signal_backend is granted; whose sessions there are is not seen", "GRANT pg_monitor TO {own} on {here}"}, nil
	}
	super, err := k.me.names(ctx, `SELECT DISTINCT a.usename || ' (' || a.application_name || ')' FROM pg_stat_activity a JOIN pg_roles r ON r.oid = a.usesysid
 WHERE r.rolsuper AND a.backend_type = 'client backend' AND a.datname = current_database() AND a.usename <> ALL (`+list(k.p.spared())+`) ORDER BY 1`)
	a := found(engines.Block, super)
	if len(super) > 0 {
		a.is = "superusers are connected, " + a.is
		a.next = "let them disconnect before the window, or name them in keep_roles"
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
	a := found(engines.Block, lack)
	switch {
	case len(lack) == 0:
	case text(rows[0], 1) == "t":
		// Membership in a superuser would make us one.
		a.is, a.next = "owned by a superuser, "+a.is, "REASSIGN what is to move to a role that is no superuser, on {here}"
	case k.me.major >= 16:
		a.is, a.next = "no member of "+a.is, "GRANT "+lack[0]+" TO {own} WITH INHERIT TRUE, SET TRUE on {here}"
	default:
		a.is, a.next = "no member of "+a.is, "GRANT "+lack[0]+" TO {own} on {here}"
	}
	return a, nil
}

// owners are the roles that own what moves. An extension's tables stay with it.
const owners = `SELECT DISTINCT c.relowner AS owner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'S', 'v', 'm') AND ` + userRelation + `
 AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 UNION SELECT n.nspowner FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')`
