package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
)

// app is a session of the application, straight to blue.
func (w *walker) app() *sql.Conn {
	w.t.Helper()
	return plain(w.t, w.l.Blue.DSN(lab.RoleApp, lab.MySQLDatabase), "shop")
}

// exec runs a statement of the application that must be answered as wanted:
// by nothing, or by an error that says so.
func exec(t *testing.T, c *sql.Conn, text, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
	defer cancel()
	_, err := c.ExecContext(ctx, text)
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%s: %v, want %q", text, err, want)
	}
}

// stops runs the window until it stops by itself, says why, and takes it back.
func (w *walker) stops(want string) {
	w.t.Helper()
	w.attempt++
	p := w.window("blue", "green")
	begun, err := w.try(p.Actions, nil)
	if err == nil || !strings.Contains(err.Error(), want) {
		w.t.Errorf("the window: %v; want %q", err, want)
	}
	w.abort(p, begun)
}

// TestTheWindow: what must stop it stops it, and what it does it does whole.
func TestTheWindow(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		w := newWalker(t, l)
		w.params["catchup_limit"] = "5s"
		w.build()
		root := plain(t, l.Blue.DSN(lab.MySQLRoot, lab.MySQLDatabase), "")
		exec(t, root, "CREATE TABLE seats (id BIGINT AUTO_INCREMENT PRIMARY KEY, who VARCHAR(20))", "")
		for _, c := range []struct {
			name string
			run  func(*testing.T)
		}{
			{"gauges", w.gaugesSee}, {"a commit in flight fails", w.commitInFlight}, {"a prepared transaction", w.preparedStops}, {"a locked table", w.lockedTableStops},
			{"a queue for a row", w.rowQueueIsEnded},
			{"counters", w.countersAreRaised}, {"a write on green", w.errantStops},
		} {
			if !t.Run(c.name, func(t *testing.T) { was := w.t; w.t = t; defer func() { w.t = was }(); c.run(t) }) {
				return // what follows would stand on what is left of it
			}
		}
	})
}

// gaugesSee: each figure moves with what it is named for.
func (w *walker) gaugesSee(t *testing.T) {
	want := func(id engines.GaugeID, word string, ok func(float64) bool) {
		t.Helper()
		if g := w.gauge(id); g.Err != nil || g.Text != word || !ok(g.Value) {
			t.Errorf("%+v", g)
		}
	}
	is := func(n float64) func(float64) bool { return func(v float64) bool { return v == n } }
	some := func(v float64) bool { return v > 0 }
	closed, level := "super", 2.0
	if w.l.Flavor == lab.FlavorMariaDB {
		closed, level = "on", 1
	}
	want("blue/read_only_state", "off", is(0))
	want("green/read_only_state", closed, is(level))
	want("green/worker_state", "running", is(1))
	want("blue/rev_worker_state", "stopped", is(0))
	want("green/rev_log_state", "kept", is(0))
	want("blue/log_state", "kept", is(0))
	want("blue/log_room_minutes", "", some)
	want("green/apply_errors_count", "", is(0))
	want("green/errant_count", "", is(0))
	want("green/app_sessions_count", "", is(0))

	a := w.app()
	exec(t, a, "SET autocommit = 0", "")
	exec(t, a, "INSERT INTO seats (who) VALUES ('open')", "")
	want("blue/app_sessions_count", "", is(1))
	until(t, "the open writer is seen", func() (bool, error) {
		g := w.gauge("blue/oldest_writer_seconds")
		return g.Value > 0.2, g.Err
	})
	groups, err := w.readers["blue"].Clients(t.Context(), engines.Scope{On: "blue", From: "blue", To: "green", Params: w.params})
	if err != nil || !slices.ContainsFunc(groups, func(g engines.ClientGroup) bool {
		return g.User == lab.RoleApp && g.App == "shop" && strings.Contains(g.State, "in transaction") && g.Count == 1
	}) {
		t.Errorf("clients: %+v, %v", groups, err)
	}
	exec(t, a, "ROLLBACK", "")
	exec(t, a, "LOCK TABLES seats WRITE", "")
	if g := w.gauge("blue/table_locks_count"); w.l.Flavor == lab.FlavorMySQL && (g.Err != nil || g.Value == 0) || w.l.Flavor == lab.FlavorMariaDB && g.Err == nil {
		t.Errorf("%+v", g)
	}
	exec(t, a, "UNLOCK TABLES", "")
}

func (w *walker) commitInFlight(t *testing.T) {
	a := w.app()
	exec(t, a, "SET autocommit = 0", "")
	exec(t, a, "INSERT INTO seats (who) VALUES ('late')", "")
	w.attempt++
	p := w.window("blue", "green")
	begun, err := w.try(p.Actions[:3], nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ExecContext(t.Context(), "COMMIT"); err == nil {
		t.Error("a commit came through after the freeze")
	}
	exec(t, w.app(), "INSERT INTO seats (who) VALUES ('direct')", "read-only")
	w.abort(p, begun)
	exec(t, w.app(), "INSERT INTO seats (who) VALUES ('after')", "")
	if got := w.rows("blue", "SELECT GROUP_CONCAT(who ORDER BY id) FROM shop.seats"); got != "after" {
		t.Errorf("seats: %s", got)
	}
}

func (w *walker) preparedStops(t *testing.T) {
	a := w.app()
	for _, s := range []string{"XA START 'x1'", "INSERT INTO seats (who) VALUES ('prepared')", "XA END 'x1'", "XA PREPARE 'x1'"} {
		exec(t, a, s, "")
	}
	if g := w.gauge("blue/prepared_count"); g.Err != nil || g.Value != 1 {
		t.Errorf("%+v", g)
	}
	w.stops("transaction")
	if g := w.gauge("blue/prepared_count"); g.Err != nil || g.Value != 1 {
		t.Errorf("ended with its session: %+v", g)
	}
	exec(t, plain(t, w.l.Blue.DSN(lab.MySQLRoot, ""), ""), "XA ROLLBACK 'x1'", "")
}

// lockedTableStops: whoever is not ended can keep the side from being closed.
func (w *walker) lockedTableStops(t *testing.T) {
	a := plain(t, w.l.Blue.DSN(lab.RoleTurquoise, lab.MySQLDatabase), "") // our own account
	exec(t, a, "LOCK TABLES seats WRITE", "")
	began := time.Now()
	w.stops("error 1205")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("writers stood for %s behind a locked table", took)
	}
	exec(t, a, "UNLOCK TABLES", "")
}

// rowQueueIsEnded: one session waits for a row of another, which does nothing.
// The closing waits for the first, and the server sees no deadlock in that: the
// window has to end both, and goes through.
func (w *walker) rowQueueIsEnded(t *testing.T) {
	holder, queued := w.app(), w.app()
	exec(t, holder, "INSERT INTO seats (who) VALUES ('hot')", "")
	exec(t, holder, "SET autocommit = 0", "")
	exec(t, holder, "UPDATE seats SET who = 'held' WHERE who = 'hot'", "")
	ended := make(chan error, 1)
	go func() {
		_, err := queued.ExecContext(context.WithoutCancel(t.Context()), "UPDATE seats SET who = 'queued' WHERE who = 'hot'")
		ended <- err
	}()
	until(t, "the second waits for the row", func() (bool, error) {
		return w.rows("blue", "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") == "1", nil
	})
	w.attempt++
	p := w.window("blue", "green")
	begun, err := w.try(p.Actions, nil)
	if err != nil {
		t.Errorf("a queue for a row stopped the window: %v", err)
	}
	t.Logf("closed after %s", w.took["applications cannot write on blue"])
	w.abort(p, begun)
	// The holder may be ended first: the one that waited then commits before it is
	// ended as well, and the side is closed behind that.
	err = <-ended
	if got := w.rows("blue", "SELECT COUNT(*) FROM shop.seats WHERE who = 'queued'"); err == nil && got != "1" {
		t.Errorf("a change was acknowledged, %s are kept", got)
	}
	if got := w.rows("blue", "SELECT COUNT(*) FROM shop.seats WHERE who = 'held'"); got != "0" {
		t.Error("a change was kept of the transaction that was ended")
	}
	exec(t, w.app(), "DELETE FROM seats WHERE who IN ('hot', 'queued')", "")
}

// countersAreRaised: numbers of a transaction that was taken back are not handed
// out again, and a counter never goes back.
func (w *walker) countersAreRaised(t *testing.T) {
	a := w.app()
	for _, s := range []string{"SET autocommit = 0", "INSERT INTO seats (who) VALUES ('a'), ('b'), ('c')", "ROLLBACK"} {
		exec(t, a, s, "")
	}
	const next = "SELECT auto_increment FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'seats'"
	want := w.rows("blue", next)
	until(t, "green has what came before", func() (bool, error) {
		return w.rows("green", "SELECT COUNT(*) FROM shop.seats") == w.rows("blue", "SELECT COUNT(*) FROM shop.seats"), nil
	})
	if g := w.gauge("green/sequences_behind_count"); g.Err != nil || g.Value != 1 {
		t.Errorf("%+v; blue hands out %s next, green %s", g, want, w.rows("green", next))
	}
	w.attempt++
	p := w.window("blue", "green")
	begun, err := w.try(p.Actions, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.rows("green", next); got != want {
		t.Errorf("green hands out %s next, want %s", got, want)
	}
	lower := statement(`CALL tqctl.raise_counters('[["shop","seats",2]]')`)
	if _, err := w.conn("green", "unlogged").Do(t.Context(), lower); err != nil || w.rows("green", next) != want {
		t.Errorf("%v; a lower number made it %s", err, w.rows("green", next))
	}
	if _, err := w.conn("green", "").Do(t.Context(), lower); err == nil || !strings.Contains(err.Error(), "logs its changes") {
		t.Errorf("in a session that logs: %v", err)
	}
	w.abort(p, begun)
	if got := w.rows("blue", next); got != want {
		t.Errorf("blue hands out %s next, want %s: the raise was replicated", got, want)
	}
}

// errantStops comes last: what somebody wrote on green stays there.
func (w *walker) errantStops(t *testing.T) {
	until(t, "green is in step", func() (bool, error) {
		g := w.gauge("green/errant_count")
		return g.Value == 0, g.Err
	})
	root := plain(t, w.l.Green.DSN(lab.MySQLRoot, lab.MySQLDatabase), "")
	exec(t, root, "SET GLOBAL read_only = OFF", "")
	exec(t, root, "CREATE TABLE shop.strange (id INT)", "")
	exec(t, root, "SET GLOBAL read_only = ON", "")
	if w.l.Flavor == lab.FlavorMySQL {
		exec(t, root, "SET GLOBAL super_read_only = ON", "")
	}
	if g := w.gauge("green/errant_count"); g.Err != nil || g.Value != 1 {
		t.Errorf("%+v", g)
	}
	want := "green has nothing that blue lacks"
	if w.l.Flavor == lab.FlavorMariaDB {
		want = "" // its strict applier stops at the next event by itself
	}
	w.stops(want)
	exec(t, w.app(), "INSERT INTO seats (who) VALUES ('blue is open')", "")
}

// TestAStalledLinkIsSeen: the line is dead and nobody says so. Both halves report
// Yes and no second behind; our own figure grows, the catch-up does not pass, and
// blue is open again.
func TestAStalledLinkIsSeen(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		wire := enginetest.NewWire(t, l.Blue.Address())
		w := newWalker(t, l)
		_, port, err := net.SplitHostPort(wire.Addr)
		if err != nil {
			t.Fatal(err)
		}
		w.params["blue_conninfo"] = "host=127.0.0.1 port=" + port + " ssl=off"
		w.params["catchup_limit"] = "1s"
		w.build()
		until(t, "green is in step", func() (bool, error) {
			g := w.gauge("blue/lag_seconds")
			return g.Err == nil && g.Value == 0, nil
		})
		wire.Hold("")
		for i := range 20 {
			exec(t, w.app(), fmt.Sprintf("INSERT INTO notes (body) VALUES ('stalled %d')", i), "")
		}
		until(t, "the lag is seen", func() (bool, error) {
			g := w.gauge("blue/lag_seconds")
			return g.Value >= 2, g.Err
		})
		status, names := "SHOW REPLICA STATUS", []string{"Replica_IO_Running", "Replica_SQL_Running", "Seconds_Behind_Source"}
		if l.Flavor == lab.FlavorMariaDB {
			status, names = "SHOW SLAVE STATUS", []string{"Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"}
		}
		if got := w.rows("green", status+"\n-- of the answer: "+strings.Join(names, ", ")); got != "Yes / Yes / 0" {
			t.Errorf("the replica says %s; the test means a line that is dead in silence", got)
		}
		until(t, "the silence is seen", func() (bool, error) {
			g := w.gauge("green/link_seconds")
			return g.Value >= 1, g.Err
		})
		if g := w.gauge("blue/behind_count"); g.Err != nil || g.Value < 20 {
			t.Errorf("behind: %+v", g)
		}
		w.stops("all of it is applied")
		exec(t, w.app(), "INSERT INTO notes (body) VALUES ('open again')", "")
		wire.Up()
		until(t, "green has caught up", func() (bool, error) {
			g := w.gauge("blue/lag_seconds")
			return g.Value == 0 && w.rows("green", "SELECT COUNT(*) FROM shop.notes WHERE body LIKE 'stalled %' OR body = 'open again'") == "21", g.Err
		})
	})
}
