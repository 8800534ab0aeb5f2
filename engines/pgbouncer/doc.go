// Package pgbouncer moves clients that come through PgBouncer: it makes them
// wait (PAUSE), points the pooler at the other side (a line of its file and
// RELOAD) and lets them go on (RESUME).
//
// Place: an engine, one row above engines. It may import engines and pgx.
//
// The planner is pure. The pooler is never the write freeze: clients go around
// it, and a restart of it forgets a PAUSE; the database's own lock counts.
package pgbouncer
