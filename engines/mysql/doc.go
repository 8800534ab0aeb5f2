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
// Place: an engine. It may import engines and go-sql-driver/mysql. Engines do
// not see each other.
//
// It plans without I/O and acts without planning. It never sends an action
// twice, never opens a transaction that spans two actions, never uses a pool,
// and never puts a row value or a secret into an error.
package mysql
