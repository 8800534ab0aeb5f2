// Package mysql is what Turquoise can see and plan on MySQL 8.0.23 to 9 and on
// MariaDB 10.11 and later.
//
// It implements engines.Planner (plan.go and one file per group of kinds),
// engines.Conn (conn.go) and engines.Reader (reader.go) with the abilities
// Sequencer (AUTO_INCREMENT counters), RowCounter, Departure, Flight and
// Contention. Which
// of the two products answers, and which words it knows, is read from the
// server; nobody states it. It moves no clients: that is the work of a router's
// engine.
//
// It implements engines.Comparer (compare.go and its neighbours) with the ability
// Progress, and engines.Tracker (track.go): sums of rows, rows by key, and the
// keys of what changes, read from the binary log as one more replica.
//
// Place: an engine. It may import engines, go-sql-driver/mysql, and for the binary
// log go-mysql-org/go-mysql: it decodes the logs of both products, compressed
// transactions and every type of column, and logs in by TLS. Engines do not see
// each other.
//
// It plans without I/O and acts without planning. It never sends an action
// twice, never opens a transaction that spans two actions, never uses a pool,
// and never puts a row value or a secret into an error.
package mysql
