package lab

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

//go:embed shop.mysql.sql
var shopMySQLSchema string

// shopMySQL is the shop on MySQL or MariaDB.
type shopMySQL struct{ *MySQL }

// shopMySQLRights are what Turquoise's own account needs for a release. It is no
// SUPER; the versions may read and write rows and nothing else.
func shopMySQLRights(flavor string) []string {
	server := "process, create user, connection_admin, xa_recover_admin on *.*"
	if flavor == FlavorMariaDB {
		server = "process, create user, connection admin on *.*"
	}
	return []string{server, "select on performance_schema.*", "select on tq_lab.*", "select on mysql.*", "show view on *.*", "all on " + ControlSchema + ".*",
		"select, insert, update, alter, create, drop, index, trigger, references on " + ShopDatabase + ".*"}
}

func openShopMySQL(ctx context.Context, o ShopOptions, servers Servers, run *runDir, passwords map[string]string) (ShopDB, error) {
	root, err := servers.MySQL(ctx, o.Flavor, o.Major)
	if err != nil {
		return nil, err
	}
	m, err := startMySQL(ctx, MySQL{Flavor: o.Flavor, Name: "shop", ServerID: 1, Root: root, cache: servers.Cache, passwords: passwords,
		// The binary log is on, and our account is no SUPER: without it no trigger could be made.
		Options: []string{"--log-bin-trust-function-creators=1"}}, run)
	if err != nil {
		return nil, err
	}
	all := []string{"set sql_log_bin = 0", "create database tq_lab", "create table " + MySQLMarker + " (run varchar(32) primary key)",
		"insert into " + MySQLMarker + " values ('" + password()[:12] + "')",
		"create user " + RoleTurquoise + "@'%' identified by '" + passwords[RoleTurquoise] + "'"}
	for _, r := range shopRoles() {
		all = append(all, "create user "+r+"@'%' identified by '"+passwords[r]+"'")
	}
	all = append(all, "create database "+ShopDatabase+" character set utf8mb4", "use "+ShopDatabase)
	depth := "cte_max_recursion_depth"
	if o.Flavor == FlavorMariaDB {
		depth = "max_recursive_iterations"
	}
	all = append(all, statements(strings.NewReplacer("$ROWS$", strconv.Itoa(o.Rows), "$DEPTH$", depth).Replace(shopMySQLSchema))...)
	for _, what := range shopMySQLRights(o.Flavor) {
		all = append(all, "grant "+what+" to "+RoleTurquoise+"@'%'")
	}
	for _, r := range shopRoles() {
		rights := "select, insert, update"
		if r == RoleReport {
			rights = "select"
		}
		all = append(all, "grant "+rights+" on "+ShopDatabase+".* to "+r+"@'%'")
	}
	if err := m.Exec(ctx, "", all...); err != nil {
		return nil, errors.Join(err, m.Kill())
	}
	return &shopMySQL{m}, nil
}

func (m *shopMySQL) DSN(role string) string { return m.MySQL.DSN(role, ShopDatabase) }

func (m *shopMySQL) Title() string {
	k, err := kindOf(m.Flavor)
	if err != nil {
		k.title = m.Flavor
	}
	return fmt.Sprintf("%s on port %d", k.title, m.Port)
}

// Stop kills: the data is thrown away.
func (m *shopMySQL) Stop() error { return m.Kill() }

func (m *shopMySQL) db(role string) (*sql.DB, error) {
	cfg := m.config(role, ShopDatabase)
	cfg.InterpolateParams = true // one statement, one packet: nothing is prepared
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

func (m *shopMySQL) Ask(ctx context.Context, query string) (out string, err error) {
	db, err := m.db(RoleTurquoise)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, query).Scan(&out)
	return out, err
}

func (m *shopMySQL) Names(ctx context.Context, contracted bool, each func(token string, n int64, name string)) (err error) {
	shape := "name"
	if contracted {
		shape = "concat(coalesce(concat(given_name, ' '), ''), family_name)"
	}
	db, err := m.db(RoleTurquoise)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, "select token, count(*), max("+shape+") from customer group by token")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var token, name string
		var n int64
		if err := rows.Scan(&token, &n, &name); err != nil {
			return err
		}
		each(token, n, name)
	}
	return rows.Err()
}

func (m *shopMySQL) Hold(ctx context.Context, over <-chan struct{}) (err error) {
	db, err := m.db(RoleReport)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	var n int64
	if err = tx.QueryRowContext(ctx, "select count(*) from customer").Scan(&n); err == nil {
		<-over
	}
	return errors.Join(err, tx.Rollback())
}

// shopMySQLCatalog lists what information_schema says of schemas, columns,
// indexes, triggers, constraints, routines, and of accounts.
const shopMySQLCatalog = `select group_concat(x order by x separator '\n') from (
 select concat('schema ', schema_name) x from information_schema.schemata where schema_name in ('shop', 'tqctl')
 union all select concat_ws(' ', 'column', table_schema, table_name, ordinal_position, column_name, column_type, is_nullable, coalesce(column_default, 'none'), extra)
  from information_schema.columns where table_schema in ('shop', 'tqctl')
 union all select concat_ws(' ', 'index', table_name, index_name, seq_in_index, column_name, non_unique) from information_schema.statistics where table_schema in ('shop', 'tqctl')
 union all select concat_ws(' ', 'trigger', event_object_table, trigger_name, action_timing, event_manipulation, sha2(action_statement, 256)) from information_schema.triggers where trigger_schema in ('shop', 'tqctl')
 union all select concat_ws(' ', 'constraint', table_name, constraint_name, constraint_type) from information_schema.table_constraints where table_schema in ('shop', 'tqctl')
 union all select concat_ws(' ', 'routine', routine_schema, routine_name) from information_schema.routines where routine_schema in ('shop', 'tqctl')
 union all select concat_ws(' ', 'account', user, host, %s) from %s where user like 'shop%%') c`

func (m *shopMySQL) Catalog(ctx context.Context) (string, error) {
	locked, from := "account_locked", "mysql.user"
	if m.Flavor == FlavorMariaDB {
		locked, from = "if(json_value(priv, '$.account_locked') in ('1', 'true'), 'Y', 'N')", "mysql.global_priv"
	}
	db, err := m.db(RoleTurquoise)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c, err := db.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if _, err := c.ExecContext(ctx, "set session group_concat_max_len = 1048576"); err != nil {
		return "", err
	}
	var out string
	err = c.QueryRowContext(ctx, fmt.Sprintf(shopMySQLCatalog, locked, from)).Scan(&out)
	return out, err
}

func (m *shopMySQL) Serve(role, name string) (ShopStore, error) {
	cfg := m.config(role, ShopDatabase)
	cfg.InterpolateParams = true
	cfg.ClientFoundRows = true // a rename to the same name found its customer
	cfg.ConnectionAttributes = "program_name:" + name
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(50)
	db.SetConnMaxIdleTime(shopIdle)
	return &shopMySQLStore{db}, nil
}

// shopMySQLStore is a version's pool. It keeps a connection for as long as the
// version gets requests.
type shopMySQLStore struct{ db *sql.DB }

// Close ends the connections; a server that is gone already does not matter.
func (s *shopMySQLStore) Close() { _ = s.db.Close() }

// Do serves one request.
func (s *shopMySQLStore) Do(ctx context.Context, r ShopRequest) (text string, err error) {
	given, family := splitName(r.Name)
	switch {
	case r.What == "POST /new" && r.Green:
		_, err = s.db.ExecContext(ctx, "insert into customer (token, given_name, family_name) values (?, ?, ?)", r.Token, given, family)
	case r.What == "POST /new":
		_, err = s.db.ExecContext(ctx, "insert into customer (token, name) values (?, ?)", r.Token, r.Name)
	case r.What == "POST /rename" && r.Green:
		err = found(s.db.ExecContext(ctx, "update customer set given_name = ?, family_name = ? where token = ?", given, family, r.Token))
	case r.What == "POST /rename":
		err = found(s.db.ExecContext(ctx, "update customer set name = ? where token = ?", r.Name, r.Token))
	case r.What == "GET /name" && r.Green:
		err = s.db.QueryRowContext(ctx, "select concat(coalesce(concat(given_name, ' '), ''), family_name) from customer where token = ?", r.Token).Scan(&text)
	case r.What == "GET /name":
		err = s.db.QueryRowContext(ctx, "select name from customer where token = ?", r.Token).Scan(&text)
	default:
		err = s.db.QueryRowContext(ctx, "select 'works'").Scan(&text)
	}
	return text, err
}

// found is a change of exactly one customer.
func found(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errNoCustomer, err)
	}
	return nil
}
