package lab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// shopPostgres is the shop on PostgreSQL.
type shopPostgres struct{ *Postgres }

func openShopPostgres(ctx context.Context, o ShopOptions, servers Servers, run *runDir, passwords map[string]string) (ShopDB, error) {
	p, err := startPostgres(ctx, servers, max(o.Major, 15), run, "shop", passwords)
	if err != nil {
		return nil, err
	}
	db := &shopPostgres{p}
	sqls := []string{fmt.Sprintf("create role %s login superuser password '%s'", RoleTurquoise, passwords[RoleTurquoise]), "create role shop_app"}
	for _, r := range shopRoles() {
		sqls = append(sqls, fmt.Sprintf("create role %s login password '%s'", r, passwords[r]))
	}
	sqls = append(sqls, "grant shop_app to shop_blue, shop_turquoise, shop_green", "create database "+ShopDatabase,
		fmt.Sprintf("alter database %s set %s = '%s'", ShopDatabase, Marker, filepath.Base(run.path)))
	if err := p.Exec(ctx, "postgres", sqls...); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	if err := p.Exec(ctx, ShopDatabase, strings.ReplaceAll(shopSchema, "$ROWS$", strconv.Itoa(o.Rows)), "analyze"); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return db, nil
}

func (p *shopPostgres) DSN(role string) string { return p.Postgres.DSN(role, ShopDatabase) }

func (p *shopPostgres) Title() string {
	return fmt.Sprintf("PostgreSQL %d on port %d", p.Major, p.Port)
}

func (p *shopPostgres) open(ctx context.Context, role string, use func(*pgx.Conn) error) (err error) {
	c, err := pgx.Connect(ctx, p.DSN(role))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close(context.WithoutCancel(ctx))) }()
	return use(c)
}

func (p *shopPostgres) Ask(ctx context.Context, query string) (out string, err error) {
	err = p.open(ctx, RoleTurquoise, func(c *pgx.Conn) error { return c.QueryRow(ctx, query).Scan(&out) })
	return out, err
}

func (p *shopPostgres) Names(ctx context.Context, contracted bool, each func(token string, n int64, name string)) error {
	shape := "name"
	if contracted {
		shape = "coalesce(given_name || ' ', '') || family_name"
	}
	return p.open(ctx, RoleTurquoise, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, "select token, count(*), max("+shape+") from shop.customer group by token")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var token, name string
			var n int64
			if err := rows.Scan(&token, &n, &name); err != nil {
				return err
			}
			each(token, n, name)
		}
		return rows.Err()
	})
}

func (p *shopPostgres) Hold(ctx context.Context, over <-chan struct{}) error {
	return p.open(ctx, RoleReport, func(c *pgx.Conn) error {
		tx, err := c.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, "select count(*) from shop.customer"); err == nil {
			<-over
		}
		return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	})
}

// shopCatalog lists schemas, columns, indexes, triggers, constraints, functions
// and logins.
const shopCatalog = `with s as (select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema')
select string_agg(x, E'\n' order by x) from (
 select 'schema ' || nspname from s
 union all select format('column %s.%s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef)
  from pg_attribute a join pg_class c on c.oid = a.attrelid join s on s.oid = c.relnamespace where a.attnum > 0 and not a.attisdropped
 union all select format('index %s %s', pg_get_indexdef(i.indexrelid), i.indisvalid) from pg_index i join pg_class c on c.oid = i.indrelid join s on s.oid = c.relnamespace
 union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
 union all select format('constraint %s %s %s', conname, pg_get_constraintdef(n.oid), convalidated) from pg_constraint n join s on s.oid = n.connamespace
 union all select 'function ' || p.oid::regprocedure from pg_proc p join s on s.oid = p.pronamespace
 union all select format('role %s %s', rolname, rolcanlogin) from pg_roles where rolname like 'shop%') c(x)`

func (p *shopPostgres) Catalog(ctx context.Context) (string, error) { return p.Ask(ctx, shopCatalog) }

func (p *shopPostgres) Serve(role, name string) (ShopStore, error) {
	return newShopPool(p.DSN(role), name)
}

// Do serves one request.
func (p *shopPool) Do(ctx context.Context, r ShopRequest) (string, error) {
	given, family := splitName(r.Name)
	var text string
	err := p.with(ctx, func(c *pgx.Conn) (err error) {
		switch {
		case r.What == "POST /new" && r.Green:
			_, err = c.Exec(ctx, "insert into shop.customer (token, given_name, family_name) values ($1, $2, $3)", r.Token, given, family)
		case r.What == "POST /new":
			_, err = c.Exec(ctx, "insert into shop.customer (token, name) values ($1, $2)", r.Token, r.Name)
		case r.What == "POST /rename" && r.Green:
			err = one(c.Exec(ctx, "update shop.customer set given_name = $2, family_name = $3 where token = $1", r.Token, given, family))
		case r.What == "POST /rename":
			err = one(c.Exec(ctx, "update shop.customer set name = $2 where token = $1", r.Token, r.Name))
		case r.What == "GET /name" && r.Green:
			err = c.QueryRow(ctx, "select coalesce(given_name || ' ', '') || family_name from shop.customer where token = $1", r.Token).Scan(&text)
		case r.What == "GET /name":
			err = c.QueryRow(ctx, "select name from shop.customer where token = $1", r.Token).Scan(&text)
		default:
			err = c.QueryRow(ctx, "select 'works'").Scan(&text)
		}
		return err
	})
	return text, err
}

// one is a change of exactly one customer.
func one(tag pgconn.CommandTag, err error) error {
	if err == nil && tag.RowsAffected() != 1 {
		return errNoCustomer
	}
	return err
}
