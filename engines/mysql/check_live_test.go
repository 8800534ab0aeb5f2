package mysql_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
)

// poor is an account that may log in and nothing else; grants are its rights.
func (p *pair) poor(id engines.TargetID, grants ...string) (dsn string, drop func()) {
	p.t.Helper()
	p.exec(id, "create user poor@'%' identified by 'x'")
	for _, g := range grants {
		p.exec(id, "grant "+g+" to poor@'%'")
	}
	return fmt.Sprintf("poor:x@tcp(%s)/", p.server(id).Address()), func() { p.exec(id, "drop user poor@'%'") }
}

// sight: an account that sees little is found out before it tells little.
func (p *pair) sight() {
	for _, id := range []string{"G01", "G02", "G03", "G04", "G06", "G10/freeze", "G10/sessions", "G10/link", "G10/unlogged", "G10/reset", "G10/accounts", "G10/control", "G10/counters"} {
		p.expect("blue", id, pass, "")
	}
	defer func(params map[string]string) { p.params = params }(p.params)
	p.params = map[string]string{"own_user": "poor"}
	defer p.open("blue", p.l.BlueDSN())

	dsn, drop := p.poor("blue")
	p.open("blue", dsn)
	p.expect("blue", "G01", block, "poor@% cannot see other accounts' sessions, the state of the replication")
	for _, id := range []string{"G06", "MY06", "MY09", "MY11", "MY12", "MY13", "MY22", "MY26"} {
		p.expect("blue", id, blind, "")
	}
	for _, id := range []string{"G10/freeze", "G10/sessions", "G10/link", "G10/unlogged", "G10/reset", "G10/accounts", "G10/control"} {
		p.expect("blue", id, block, "not granted: ")
	}
	drop()

	// With PROCESS it sees that there are tables it does not see.
	status := "replication client on *.*"
	if p.maria {
		status = "slave monitor, binlog monitor on *.*"
	}
	dsn, drop = p.poor("blue", "process on *.*", status, "select on shop.notes")
	p.open("blue", dsn)
	p.expect("blue", "G01", block, "cannot see tables of shop")
	p.expect("blue", "MY15", blind, "it lacks SELECT on shop.*")
	p.expect("blue", "MY13", blind, "it lacks TRIGGER, EVENT, EXECUTE on shop.*")
	p.expect("blue", "MY11", blind, "it lacks SELECT on mysql.*")
	p.expect("green", "MY18", blind, "it lacks SELECT on shop.*")
	p.expect("green", "MY28", blind, "it lacks SELECT on mysql.*")
	p.expect("blue", "G10/counters", block, "not on 1: shop")
	p.expect("blue", "MY25", caution, "")
	if !p.maria {
		p.expect("blue", "MY12/xa", blind, "may not list prepared transactions")
	}
	p.exec("blue", "grant select on shop.* to poor@'%'", "grant select on mysql.* to poor@'%'")
	p.expect("blue", "G01", pass, "nothing is hidden")
	p.expect("blue", "MY15", pass, "")
	p.expect("blue", "MY22", pass, "")
	if p.maria {
		p.expect("green", "MY17", blind, "it lacks REFERENCES on shop.*")
	} else {
		p.expect("green", "MY17", pass, "")
	}
	drop()
	if p.maria {
		return
	}
	p.exec("blue", "create role eyes", "grant process, replication client on *.* to eyes", "grant select on shop.* to eyes")
	dsn, drop = p.poor("blue", "eyes")
	p.exec("blue", "set default role eyes to poor@'%'")
	p.open("blue", dsn)
	p.expect("blue", "G01", pass, "nothing is hidden")
	p.expect("blue", "MY15", pass, "")
	drop()
	p.exec("blue", "drop role eyes")
}

// sessions: who is at work, and who else drives.
func (p *pair) sessions() {
	p.expect("blue", "MY12", pass, "0")
	p.params["long_writer"] = "1ms"
	writer := p.sessionOf(p.server("blue").DSN(lab.RoleApp, ""), "begin", "insert into shop.notes (body) values ('x')")
	p.until("blue", "MY12", caution, "1: app (id ")
	p.expect("blue", "MY12", caution, " s, 1 rows changed)")
	if err := writer.Close(); err != nil {
		p.t.Error(err)
	}
	delete(p.params, "long_writer")

	if p.maria {
		p.expect("blue", "MY12/locks", caution, "not looked at: the instrument wait/lock/metadata/sql/mdl is off")
		p.exec("blue", mdlOn)
		defer p.exec("blue", mdlOff)
	}
	p.expect("blue", "MY12/locks", pass, "0")
	locker := p.session("blue", "lock tables shop.notes write")
	p.expect("blue", "MY12/locks", caution, "1: shop.notes (locked by root, id ")
	if _, err := locker.ExecContext(p.t.Context(), "unlock tables"); err != nil {
		p.t.Error(err)
	}

	p.expect("blue", "G06", pass, "0")
	other := conn(p.t, "blue", p.l.BlueDSN(), "executor")
	p.expect("blue", "G06", block, "1: turquoise/s7f3/ann from 127.0.0.1")
	if err := other.Close(); err != nil {
		p.t.Error(err)
	}
	p.until("blue", "G06", pass, "0")

	p.exec("blue", "create user orchestrator@'%' identified by 'x'")
	p.expect("blue", "MY26", pass, "")
	p.sessionOf(fmt.Sprintf("orchestrator:x@tcp(%s)/", p.server("blue").Address()), "select 1")
	p.expect("blue", "MY26", block, "1: session of orchestrator")
	p.exec("blue", "drop user orchestrator@'%'")

	p.params["own_user"] = "tq"
	p.expect("blue", "G02", block, "account turquoise, not tq")
	delete(p.params, "own_user")
	p.exec("blue", "set global read_only = on")
	p.expect("blue", "G02", block, "blue is read-only, and it should have the writes")
	p.exec("blue", "set global read_only = off")
	p.expect("blue", "G02", pass, "")

	green := p.read["green"]
	p.open("green", p.l.BlueDSN())
	p.expect("green", "G03", block, "both are mysql ")
	p.expect("green", "MY05", block, "the same server_uuid")
	p.read["green"] = green
}

// room: the most that were ever connected to blue is more than green would take.
func (p *pair) room() {
	p.expect("green", "MY28/room", pass, "max_connections 200")
	for range 30 {
		p.session("blue")
	}
	p.exec("green", "set global max_connections = 30")
	p.expect("green", "MY28/room", caution, "max_connections 30, blue had ")
	p.exec("green", "set global max_connections = 200")
}

// purge empties blue's log. A file that the thread of a link still has open would
// be passed over; the thread of a link that was stopped ends with the next event
// that it cannot send.
func (p *pair) purge() {
	p.t.Helper()
	c := conn(p.t, "blue", p.l.BlueDSN(), "executor")
	until(p.t, "nobody reads blue's log", func() (bool, error) {
		p.logged("blue", "flush binary logs")
		return first(p.t, c, "SELECT COUNT(*) FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'") == "0", nil
	})
	// MariaDB keeps a file until InnoDB has said that it needs it no more.
	until(p.t, "the old logs are gone", func() (bool, error) {
		p.logged("blue", "purge binary logs before now() + interval 1 hour")
		res, err := c.Do(p.t.Context(), engines.Statement{Text: "SHOW BINARY LOGS", Limit: 5 * time.Second})
		return len(res.Rows) == 1, err
	})
}

// lostLog: a link by file and position whose file is gone.
func (p *pair) lostLog() {
	off, on := "source_auto_position = 0", "source_auto_position = 1"
	if p.maria {
		off, on = "master_use_gtid = no", "master_use_gtid = slave_pos"
	}
	p.exec("green", "stop replica", "change replication source to "+off)
	p.exec("green", "start replica")
	p.until("green", "MY07", pass, "")
	// Green must have all of it, or the link could not be taken up again by ids.
	p.logged("blue", "insert into shop.notes (id, body) values (424242, 'the last of the old log')")
	c := conn(p.t, "green", p.l.GreenDSN(), "executor")
	until(p.t, "green has the last row", func() (bool, error) {
		return first(p.t, c, "SELECT COUNT(*) FROM shop.notes WHERE id = 424242") == "1", nil
	})
	p.exec("green", "stop replica")
	p.expect("blue", "MY06", pass, "")
	p.purge()
	p.expect("blue", "MY06", block, ", which green reads, is gone")
	p.exec("green", "change replication source to "+on)
	p.exec("green", "start replica")
	p.until("green", "MY07", pass, "")
}

// restarted gives green the settings that take a restart, and blue. They are shut
// down: a MariaDB that is killed while it recovers its relay log cannot start its
// link again (error 1201), and that is no trouble of a check.
func (p *pair) restarted() {
	start := func(id engines.TargetID, options ...string) {
		m := p.server(id)
		if err := m.Stop(); err != nil {
			p.t.Fatal(err)
		}
		m.Options = options
		if err := m.Start(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
	}
	p.expect("green", "MY01", pass, "")
	bad := []string{"--performance-schema=OFF", "--relay-log-recovery=ON"}
	if p.maria {
		bad = append(bad, "--log-slave-updates=OFF", "--gtid-strict-mode=OFF", "--slave-skip-errors=1062", "--lower-case-table-names=1")
	} else {
		bad = append(bad, "--log-replica-updates=OFF", "--replica-skip-errors=1062")
	}
	start("green", bad...)
	p.expect("green", "MY01", block, "log_replica_updates OFF")
	p.expect("green", "MY10", block, "skip_errors = 1062")
	p.expect("green", "MY21", pass, "relay_log_recovery ON")
	p.expect("green", "MY25", caution, "performance_schema is off")
	p.expect("green", "G06", caution, "performance_schema is off")
	if p.maria {
		p.expect("green", "MY20/names", block, "1, on blue 0")
		p.expect("green", "MY04", info, "gtid_strict_mode")
	}
	start("green")
	p.expect("green", "MY20/names", pass, "0")
	p.until("green", "MY07", pass, "")
	p.expect("green", "MY04", pass, "")

	start("blue", "--binlog-ignore-db=reports")
	p.expect("blue", "MY09", block, "Binlog_Ignore_DB = reports")
	start("blue")
	p.expect("blue", "MY09", pass, "")
	p.exec("green", "stop replica", "start replica") // it gives up after ten tries
	p.until("green", "MY07", pass, "")
}

// ends are the troubles that no statement takes back: they come last.
func (p *pair) ends() {
	p.expect("green", "MY04", pass, "")
	p.logged("green", "insert into shop.notes (id, body) values (888888, 'here alone')")
	p.expect("green", "MY04", block, "1 transactions that blue does not know (")
	if p.maria {
		return
	}
	p.exec("green", "stop replica")
	p.logged("blue", "insert into shop.notes (body) values ('x')")
	p.logged("green", "reset binary logs and gtids")
	p.purge()
	p.expect("green", "MY04", block, " transactions that green needs are purged on blue (")
	p.exec("green", "start replica")
	p.until("green", "MY07", block, "error 13114")
}

// TestNobodyForgetsACheck: a check without a row that fails and one that passes is
// a promise.
func TestNobodyForgetsACheck(t *testing.T) {
	seen := map[string]bool{}
	for _, rows := range [][]trouble{settingTroubles(), tableTroubles(), accountTroubles(), freezeTroubles(), linkTroubles()} {
		for _, r := range rows {
			seen[r.id] = true
		}
	}
	// These have tests of their own: they need a session, an account or a restart
	// that a list of statements does not make. MY24 needs an Aurora: its decision
	// is held by a table.
	for _, id := range []string{"G01", "G02", "G03", "G04", "G06", "MY01", "MY04", "MY12", "MY12/locks", "MY20/names", "MY24", "MY28/room",
		"G10/freeze", "G10/sessions", "G10/link", "G10/unlogged", "G10/reset", "G10/accounts", "G10/control", "G10/counters"} {
		seen[id] = true
	}
	for _, id := range mysql.CheckIDs() {
		if !seen[id] {
			t.Errorf("%s has no test", id)
		}
	}
}
