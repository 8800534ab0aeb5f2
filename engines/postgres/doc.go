// Package postgres is what Turquoise can see and plan on PostgreSQL 13 to 18.
//
// It implements engines.Planner (plan.go and one file per group of kinds),
// engines.Conn (conn.go) and engines.Reader (reader.go) with the abilities
// Sequencer, RowCounter and Departure. It moves no clients: that is the work of
// a router's engine.
//
// Place: an engine. It may import engines and pgx. Engines do not see each
// other.
//
// It plans without I/O and acts without planning. It never sends an action
// twice, never opens a transaction that spans two actions, and never puts a row
// value or a secret into an error.
package postgres
