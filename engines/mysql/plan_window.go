package mysql

import (
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Limits inside the window. Ending sessions took 4 to 20 ms for eight; one that
// sleeps in a function took two seconds on MariaDB. The list of transactions is a
// copy that the server makes anew only when nobody has read it for 100 ms: asked
// more often than that it never changes.
const (
	drainLimit  = 5 * time.Second
	barLimit    = drainLimit + 4*time.Second // and the waits for the lock: 1 s, and the 3 s of every session of ours
	writerEvery = 150 * time.Millisecond
	writerLimit = 3 * time.Second
)

// drain ends sessions by the procedure on the server: the account of each is
// known there, and no list of ours gets old on the way.
func (p plan) drain(on engines.TargetID) engines.Action {
	a := engines.Act(on, "end every session that could write", p.call("drain"))
	a.Limit = drainLimit + 2*time.Second
	// A session leaves the list of sessions after its changes are taken back, so
	// the procedure's answer is the proof for sessions; a client that comes again
	// straight to the server cannot write. What is left to see are changes of
	// accounts that are kept.
	a.Proof = engines.Until(engines.Ask(on, "open transactions that have written", "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_rows_modified > 0", "0"),
		writerEvery, writerLimit)
	return a
}

// bar lets no application write, and ends those behind whose statements it
// would wait: see barSQL.
func (p plan) bar(on engines.TargetID) engines.Action {
	a := engines.Proven(engines.Act(on, "applications cannot write on "+string(on), p.call("bar_writes")), engines.Ask(on, "read_only is on", "SELECT @@global.read_only", "1"))
	a.Limit = barLimit
	return a
}

// call is that of a procedure that ends sessions.
func (p plan) call(procedure string) string {
	return "CALL tqctl." + procedure + "(" + lit(strings.Join(p.spared(), ",")) + ", " + strconv.Itoa(int(drainLimit.Seconds())) + ")"
}

// freeze closes the side for applications first: what is in flight then fails at
// its commit. The token is written before our own account is shut out too, and
// the position is read after that: nothing can come behind it.
func (p plan) freeze() (engines.Parts, error) {
	shut := p.bar(p.From)
	open := p.openSide(p.From)
	if !p.routed() {
		shut.Starts = engines.FreezeBegins
	}
	// A prepared transaction outlives its session, and XA COMMIT goes through
	// read_only on MySQL.
	as := []engines.Action{shut, p.drain(p.From),
		engines.Checked(p.From, "no prepared transaction", kept("XA RECOVER", "gtrid_length"), "none"), p.write(p.From, p.Token())}
	if !p.of(p.From).maria {
		as = append(as, engines.Proven(engines.Act(p.From, "nobody can write on "+string(p.From), "SET GLOBAL super_read_only = ON"),
			engines.Ask(p.From, "super_read_only is on", "SELECT @@global.super_read_only", "1")))
	}
	as = append(as, p.position(p.From, "freeze position", varPosition)...)
	undo := engines.Undoing(1, open)
	if !p.routed() {
		open.Starts = engines.WritesOpen
	}
	return engines.Parts{Actions: as, Undo: undo, Abort: engines.Undoing(1, open)}, nil
}

// openSide lets applications write.
func (p plan) openSide(on engines.TargetID) engines.Action {
	want, text := "0 / 0", "SELECT @@global.read_only, @@global.super_read_only"
	if p.of(on).maria {
		want, text = "0", "SELECT @@global.read_only"
	}
	return engines.Proven(engines.Act(on, "applications may write on "+string(on), "SET GLOBAL read_only = OFF"), engines.Ask(on, "it is open", text, want))
}

// catchup waits for the position with the server's own function and for the
// token: either alone has passed where the other would not. What the side has
// beyond the position nobody but it has written; then the way back would carry
// it to the other side, so the window is refused.
func (p plan) catchup() (engines.Parts, error) {
	limit := p.Duration("catchup_limit", 30*time.Second)
	as := []engines.Action{
		p.waitFor(p.To, varPosition, p.freezePosition().Why, limit),
		p.arrives(p.To, p.Token(), limit),
	}
	begins := p.position(p.To, "where the way back begins", varToFile)
	if p.byID() {
		d := p.of(p.To)
		more := d.pick("SELECT GTID_SUBTRACT(@@global.gtid_executed, $1) = ''", "SELECT "+sameIDs("@@global.gtid_binlog_pos", "$1"))
		begins[0].Proof = engines.Ask(p.To, string(p.To)+" has nothing that "+string(p.From)+" lacks", more, "1")
		begins[0].Proof.Binds = []engines.Bind{p.freezePosition()}
	}
	as = append(as, p.unmoved()...)
	return engines.Parts{Actions: append(as, begins...), UndoNone: "waits and reads"}, nil
}

// unmoved looks a second time at a frozen MariaDB, which has no lock against
// accounts that pass read_only. On MySQL nobody can have written.
func (p plan) unmoved() []engines.Action {
	d := p.of(p.From)
	switch {
	case !d.maria:
		return nil
	case !p.byID():
		// Nothing compares a position on the server; what is read is on record.
		a := engines.Act(p.From, "where "+string(p.From)+" stands now", kept(d.ownPosition(), "File", "Position"))
		a.Captures = []engines.Capture{{Var: "frozen_position"}, {Var: "frozen_offset", Column: 1}}
		return []engines.Action{a}
	}
	return []engines.Action{bound(engines.Checked(p.From, "nothing was written on "+string(p.From)+" since",
		"SELECT "+sameIDs("@@global.gtid_binlog_pos", "$1"), "1"), p.freezePosition())}
}

// route lets applications write on the side that gets the writes. Clients are
// still turned away at the router; without one, this is what opens.
func (p plan) route() (engines.Parts, error) {
	open := p.openSide(p.To)
	if !p.routed() {
		open.Starts = engines.OpensGreen
	}
	back := engines.Undoing(1, p.bar(p.To), p.drain(p.To))
	return engines.Parts{Actions: []engines.Action{open}, Undo: back, Abort: append([]engines.Action(nil), back...)}, nil
}

// open has nothing to do on the database: route opened it, and the router lets
// the clients in.
func (p plan) open() (engines.Parts, error) {
	return engines.Parts{UndoNone: "the way back has its own steps"}, nil
}

// capture reads what the window needs to be true, and opens the session that it
// will need.
func (p plan) capture() (engines.Parts, error) {
	var as []engines.Action
	if p.On == p.From {
		as = append(as, engines.Checked(p.On, "applications write on "+string(p.On), "SELECT @@global.read_only", "0"))
	} else {
		warm := engines.Act(p.On, "open the session whose changes are not logged", "SELECT CONNECTION_ID()")
		warm.Session, warm.Captures = sessionUnlogged, []engines.Capture{{Var: "unlogged_" + string(p.On)}}
		as = append(as, warm, engines.Checked(p.On, "applications cannot write on "+string(p.On), "SELECT @@global.read_only", "1"))
	}
	users := "SELECT COUNT(DISTINCT user) FROM mysql.user WHERE user IN (" + list(p.app) + ")"
	as = append(as, engines.Checked(p.On, "each application account is there", users, strconv.Itoa(len(p.app))))
	passes := engines.Act(p.On, "accounts that pass read_only", "SELECT COALESCE(GROUP_CONCAT(DISTINCT grantee ORDER BY grantee SEPARATOR ' '), '-') FROM information_schema.user_privileges\n WHERE privilege_type IN ("+
		list(p.of(p.On).passesReadOnly())+") AND grantee NOT LIKE "+lit("'"+p.own+"'@%")+" AND grantee NOT LIKE '''mysql.%'")
	passes.Captures = []engines.Capture{{Var: "passes_read_only_" + string(p.On)}}
	counters := engines.Act(p.On, "AUTO_INCREMENT counters", "SELECT COUNT(*) FROM ("+countersSQL+") c")
	counters.Captures = []engines.Capture{{Var: "counters_" + string(p.On)}}
	return engines.Parts{Actions: append(as, passes, counters), UndoNone: "reads only"}, nil
}

// passesReadOnly are the privileges with which an account writes in spite of
// read_only.
func (d dialect) passesReadOnly() []string {
	if d.maria {
		return []string{"READ_ONLY ADMIN", "READ ONLY ADMIN"}
	}
	return []string{"SUPER", "CONNECTION_ADMIN"}
}
