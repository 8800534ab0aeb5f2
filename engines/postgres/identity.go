package postgres

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/turquoise-db/turquoise/engines"
)

// identitySQL asks for all that tells two servers apart. The system identifier
// alone does not: a physical copy keeps it.
const identitySQL = `SELECT current_setting('server_version'), current_setting('server_version_num'),
 (SELECT system_identifier FROM pg_catalog.pg_control_system()), (SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
 pg_postmaster_start_time(), pg_is_in_recovery(), current_database(), current_user,
 coalesce(inet_server_addr()::text, ''), coalesce(inet_server_port()::text, ''), current_setting('cluster_name'),
 coalesce(current_setting('turquoise.lab', true), ''),
 (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user),
 (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, current_setting('log_statement')`

func identify(ctx context.Context, pg *pgconn.PgConn, t engines.TargetID, cfg *pgconn.Config) (engines.Identity, error) {
	res, err := run(ctx, pg, identitySQL, nil)
	if err == nil && len(res.Rows) != 1 {
		err = errors.New("no answer row")
	}
	if err != nil {
		return engines.Identity{}, &engines.Error{Op: "ask who the server is", Object: object(t, cfg), Err: mask(err),
			Next: "look at the server's log, then verify again"}
	}
	v := make([]string, len(res.Rows[0]))
	for i, p := range res.Rows[0] {
		if p != nil {
			v[i] = *p
		}
	}
	num, err := strconv.Atoi(v[1])
	if err != nil {
		return engines.Identity{}, &engines.Error{Op: "read the server's version", Object: object(t, cfg), Err: errors.New("not a number")}
	}
	major := num / 10000
	id := engines.Identity{
		Engine: Name, Version: strconv.Itoa(major) + "." + strconv.Itoa(num%10000), Major: major, System: v[2],
		Host: cfg.Host, Port: int(cfg.Port), Database: v[6], Login: v[7], Started: v[4], Writable: v[5] == "f", Lab: v[11],
		Extra: map[string]string{"timeline": v[3], "address": v[8], "port": v[9], "cluster_name": clean(v[10]), "superuser": v[12],
			engines.ExtraClock: v[13], engines.ExtraLogged: v[14]},
	}
	id.Secured(pg.Conn())
	return id, nil
}
