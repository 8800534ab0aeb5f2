// Package lab starts real servers on this machine: for the demo, for
// rehearsals and for tests.
//
// It finds or fetches the programs (Servers), starts them on free ports of
// 127.0.0.1 in a run folder of their own (Postgres, MySQL, PgBouncer, HAProxy),
// joins them to a blue and a green side behind a router (Pair, MySQLPair), and
// drives them with an application whose every transaction is accounted for
// (Ledger).
//
// Place: above session, beside tui. It may import engines and what lies
// between; today it needs only engines, for its errors. lab/labtest is the same
// for tests and is not part of the program.
//
// It must never ship a stand-in: what runs here is what users run. It installs
// nothing, listens on no address but 127.0.0.1, writes only into its cache and
// its run folder, and ends every process it started, by pid. A server dies
// with the process that started it.
package lab
