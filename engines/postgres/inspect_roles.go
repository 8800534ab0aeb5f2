package postgres

import (
	"context"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// roleChecks ask whether the application will be let in, and may do what it did.
func roleChecks() []check {
	return []check{
		{ID: "PG25", Title: "Application roles can log in", Want: "each exists, may log in and connect, and does not expire within 7 days",
			Cause: "The freeze and the opening name these roles.", Ask: appRoles},
		{ID: "PG25/grants", Title: "Applications may do on green what they may on blue", On: preflight.To, Needs: needBuilt, Want: "no right missing",
			Cause: "A right that is missing is an error of the first statement after the switch.", Next: "GRANT it on {here}",
			Ask: fewerRights},
		{ID: "PG25/owners", Title: "Owners are there", On: preflight.To, Needs: needPeer, Want: "every role that owns or is granted something on {there}",
			Cause: "The schema copy names these roles and stops at the first that is missing.", Next: "CREATE ROLE it on {here}",
			Ask: ownersThere},
		{ID: "PG25/password", Title: "Applications have a password", On: preflight.To, Want: "a password that the server's rules take",
			Cause: "A role without a password is refused at the first login after the switch.", Ask: passwords},
	}
}

// appRoles: on the side that gets the writes a role may be closed, for the guard
// closes it and the route opens it.
func appRoles(ctx context.Context, k *look) (answer, error) {
	if len(k.p.app) == 0 {
		return preflight.Says(engines.Block, "no role is named", "set parameter app_roles"), nil
	}
	bad, err := k.me.names(ctx, `SELECT a.n || ' ' || CASE WHEN r.oid IS NULL THEN 'does not exist' WHEN $2::boolean AND NOT r.rolcanlogin THEN 'may not log in'
 WHEN NOT has_database_privilege(r.oid, current_database(), 'CONNECT') THEN 'may not connect to ' || current_database()
 WHEN r.rolconnlimit = 0 THEN 'has CONNECTION LIMIT 0' ELSE 'is valid until ' || r.rolvaliduntil END
 FROM unnest($1::name[]) a(n) LEFT JOIN pg_roles r ON r.rolname = a.n
 WHERE r.oid IS NULL OR $2::boolean AND NOT r.rolcanlogin OR NOT has_database_privilege(r.oid, current_database(), 'CONNECT') OR r.rolconnlimit = 0
  OR r.rolvaliduntil < clock_timestamp() + '7 days' ORDER BY 1`, arrayText(k.p.app), map[bool]string{true: "t", false: "f"}[k.in.On == k.in.From])
	a := preflight.Found(engines.Block, bad)
	a.Next = "repair the role on {here}, or correct parameter app_roles"
	if len(bad) == 0 {
		a.Is = strings.Join(k.p.app, ", ")
	}
	return a, err
}

// effectiveRights of the application's roles, memberships and all. A role that
// is not there has none.
const effectiveRights = `SELECT r.rolname || ' on ' || x.what, x.rights FROM pg_roles r CROSS JOIN LATERAL (
  SELECT c.oid::regclass::text AS what, concat_ws(' ', CASE WHEN has_table_privilege(r.oid, c.oid, 'SELECT') THEN 'select' END, CASE WHEN has_table_privilege(r.oid, c.oid, 'INSERT') THEN 'insert' END,
   CASE WHEN has_table_privilege(r.oid, c.oid, 'UPDATE') THEN 'update' END, CASE WHEN has_table_privilege(r.oid, c.oid, 'DELETE') THEN 'delete' END,
   CASE WHEN has_table_privilege(r.oid, c.oid, 'TRUNCATE') THEN 'truncate' END) AS rights
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND ` + userRelation + `
  UNION ALL SELECT 'sequence ' || c.oid::regclass, concat_ws(' ', CASE WHEN has_sequence_privilege(r.oid, c.oid, 'USAGE') THEN 'usage' END, CASE WHEN has_sequence_privilege(r.oid, c.oid, 'UPDATE') THEN 'update' END)
  FROM pg_class c WHERE ` + userSequence + `
  UNION ALL SELECT 'schema ' || quote_ident(n.nspname), CASE WHEN has_schema_privilege(r.oid, n.oid, 'USAGE') THEN 'usage' ELSE '' END
  FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')
  UNION ALL SELECT 'function ' || p.oid::regprocedure, CASE WHEN has_function_privilege(r.oid, p.oid, 'EXECUTE') THEN 'execute' ELSE '' END
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')) x
 WHERE r.rolname = ANY ($1::name[])`

func fewerRights(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, effectiveRights, arrayText(k.p.app))
	if err != nil {
		return answer{}, err
	}
	var lack []string
	for _, d := range ds {
		if d.OnlyHere || d.OnlyThere {
			continue // the schema comparison tells
		}
		if m := missingWords(d.There, d.Here); len(m) > 0 {
			lack = append(lack, d.Name+" lacks "+strings.Join(m, ", "))
		}
	}
	return preflight.Found(engines.Block, lack), nil
}

// missingWords are the words of want that have does not hold.
func missingWords(want, have string) []string {
	var out []string
	held := strings.Fields(have)
	for _, w := range strings.Fields(want) {
		found := false
		for _, h := range held {
			found = found || h == w
		}
		if !found {
			out = append(out, w)
		}
	}
	return out
}

// ownersThere also asks for roles that appear in a grant or in default
// privileges: the copied schema names them. The replication role is made by a
// step before that.
func ownersThere(ctx context.Context, k *look) (answer, error) {
	want, err := k.peer.names(ctx, `SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> $1 AND oid IN (`+owners+`
 UNION SELECT a.grantee FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, LATERAL aclexplode(c.relacl) a WHERE `+userRelation+`
 UNION SELECT a.grantee FROM pg_namespace n, LATERAL aclexplode(n.nspacl) a WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')
 UNION SELECT a.grantee FROM pg_default_acl d, LATERAL aclexplode(d.defaclacl) a UNION SELECT d.defaclrole FROM pg_default_acl d
 UNION SELECT p.proowner FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'tq')) ORDER BY 1`, k.p.repl)
	if err != nil {
		return answer{}, err
	}
	lack, err := k.me.names(ctx, `SELECT n FROM unnest($1::name[]) n WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = n) ORDER BY 1`, arrayText(want))
	a := preflight.Found(engines.Block, lack)
	if len(lack) > 0 {
		a.Is = "missing, " + a.Is
	}
	return a, err
}

// passwords can say that a login will fail, not that it will succeed: we do not
// know the application's password. Only a superuser may see whether there is one.
func passwords(ctx context.Context, k *look) (answer, error) {
	if !k.me.super {
		return preflight.Says(engines.Caution, "not looked at: only a superuser sees whether a role has a password",
			"log in to {here} as each application role, from a host of the application"), nil
	}
	bad, err := k.me.names(ctx, `SELECT r.rolname || CASE WHEN r.rolpassword IS NULL THEN ' has none' ELSE ' has an md5 one, and the server wants scram' END FROM pg_authid r
 WHERE r.rolname = ANY (`+list(k.p.app)+`) AND (r.rolpassword IS NULL AND EXISTS (SELECT FROM pg_hba_file_rules WHERE auth_method IN ('scram-sha-256', 'md5', 'password'))
  OR r.rolpassword LIKE 'md5%' AND NOT EXISTS (SELECT FROM pg_hba_file_rules WHERE auth_method = 'md5')
   AND EXISTS (SELECT FROM pg_hba_file_rules WHERE auth_method = 'scram-sha-256')) ORDER BY 1`)
	a := preflight.Found(engines.Block, bad)
	a.Next = "ALTER ROLE … PASSWORD on {here}, with the verifier of {there}"
	if len(bad) == 0 {
		a.Is = "each has one; a login was not tried"
	}
	return a, err
}
