package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/runbooks"
)

// release performs steps of the shipped runbook on a real server as the executor
// does, without router and sessions.
type release struct {
	*enginetest.Steps
	db   lab.ShopDB
	root *sql.Conn
}

// sharedRows are few enough that every step is a moment.
const sharedRows = 2500

func newRelease(t *testing.T, flavor string) *release {
	t.Helper()
	r := &release{Steps: enginetest.NewSteps(t, "blue-turquoise-green-mysql"), db: labtest.ShopDB(t, flavor, sharedRows)}
	r.Planner = mysql.Planner{}
	o := engines.OpenRequest{Ctx: t.Context(), Target: "db", DSN: r.db.DSN(lab.RoleTurquoise), Run: "r1", Person: "ann"}
	var err error
	if r.Conn, err = mysql.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Conn.Close() })
	if r.Read, err = mysql.OpenReader(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Read.Close() })
	id, err := r.Conn.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Known = map[engines.TargetID]engines.Identity{"db": id}
	r.root = plain(t, r.db.DSN(lab.MySQLRoot), "")
	return r
}

func (r *release) exec(sqls ...string) {
	r.T.Helper()
	for _, s := range sqls {
		if _, err := r.root.ExecContext(r.T.Context(), s); err != nil {
			r.T.Fatalf("%v\n%s", err, s)
		}
	}
}

func (r *release) one(query string) string {
	r.T.Helper()
	var out string
	if err := r.root.QueryRowContext(r.T.Context(), query).Scan(&out); err != nil {
		r.T.Fatalf("%v\n%s", err, query)
	}
	return out
}

func (r *release) catalog() string {
	r.T.Helper()
	s, err := r.db.Catalog(r.T.Context())
	if err != nil {
		r.T.Fatal(err)
	}
	return s
}

// ups are the steps that change the database before the contract, in order.
func ups() []runbooks.StepID {
	return []runbooks.StepID{"1.4", "3.3", "3.4", "4.1", "4.2", "4.3", "4.4", "4.5", "4.6", "5.1", "5.3", "8.2", "8.3"}
}

// TestRelease walks the shared database of both products: one server each.
func TestRelease(t *testing.T) {
	for _, flavor := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		t.Run(flavor, func(t *testing.T) {
			r := newRelease(t, flavor)
			for _, c := range []struct {
				name string
				run  func(r *release)
			}{
				{"sessions", (*release).sessionsAreCounted},
				{"ways down", (*release).eachWayDown},
				{"a reader in front", (*release).readerInFront},
				{"checkpoint", (*release).checkpoint},
				{"a name with any blank", (*release).roundTrips},
				{"shape", (*release).shapeIsRead},
			} {
				if !t.Run(c.name, func(t *testing.T) { was := r.T; r.T = t; defer func() { r.T = was }(); c.run(r) }) {
					return // what follows would stand on what is left of it
				}
			}
		})
	}
}

// eachWayDown goes up to each step and down again, and finds the catalog as it
// was.
func (r *release) eachWayDown() {
	before := r.catalog()
	for i, id := range ups() {
		r.Walk(ups()[:i+1]...)
		if r.catalog() == before {
			r.T.Fatalf("step %s changed nothing that is looked at", id)
		}
		if i%2 == 0 {
			r.Walk("D1.1", "D1.3", "D2.2", "D2.3", "D2.4", "D3.1", "D4.2")
		} else {
			r.Walk("D1.1", "D1.3", "C1.2", "C1.3", "C1.4", "C2.1", "C3.2")
		}
		if after := r.catalog(); after != before {
			r.T.Fatalf("up to %s and down again:\n%s\nbefore:\n%s", id, after, before)
		}
		if n := r.one("SELECT COUNT(*) FROM shop.customer"); n != fmt.Sprint(sharedRows) {
			r.T.Fatalf("rows after %s: %s", id, n)
		}
	}
	if n := r.Walk("D1.3", "C1.2", "C1.3", "C1.4"); n != 0 {
		r.T.Errorf("%d statements were sent where nothing was to be taken back", n)
	}
}

// word and number look at gauges.
func (r *release) word(name, want string) {
	r.T.Helper()
	if g := r.Gauges()[name]; g.Err != nil || g.Text != want {
		r.T.Errorf("%s: want %s, got %q (%v)", name, want, g.Text, g.Err)
	}
}

func (r *release) number(g map[string]engines.Reading, name string, want float64) {
	r.T.Helper()
	if g[name].Err != nil || g[name].Value != want {
		r.T.Errorf("%s: want %v, got %v (%v)", name, want, g[name].Value, g[name].Err)
	}
}

// shapeIsRead follows the gauges from the old shape to the new one, with a row
// that the triggers never saw on the way.
func (r *release) shapeIsRead() {
	r.word("generation", "B")
	r.word("blue_login", "open")
	r.word("row_logging", "row")
	r.word("trigger_right", "yes")
	r.exec("SET GLOBAL log_bin_trust_function_creators = 0")
	r.word("trigger_right", "no")
	r.exec("SET GLOBAL log_bin_trust_function_creators = 1")
	if g := r.Gauges()["left_count"]; g.Err == nil {
		r.T.Error("rows are counted against a shape that is not there")
	}
	first := r.Gauges()["shape"].Text
	r.Walk("1.4", "3.3", "4.1", "4.2")
	r.word("generation", "partial")
	r.word("blue_login", "shut")
	if r.Gauges()["shape"].Text == first {
		r.T.Error("two columns more, and the hash of the shape is the same")
	}
	r.Walk("4.3", "4.4", "4.5", "4.6")
	r.word("generation", "B+G")
	r.exec("UPDATE shop.customer SET family_name = 'King' WHERE id = 8")
	if got := r.one("SELECT CONCAT_WS('|', name, given_name, family_name) FROM shop.customer WHERE id = 8"); got != "Ada King|Ada|King" {
		r.T.Errorf("a change of a row that was not filled: %q", got)
	}
	g := r.Counted()
	r.number(g, "left_count", sharedRows-1)
	r.number(g, "unvalidated_count", 1)
	r.Walk("5.1", "5.3")
	r.number(r.Gauges(), "unvalidated_count", 0)
	// turquoise, which knows the old shape alone, still writes
	r.exec("INSERT INTO shop.customer (name) VALUES ('Late Turquoise'), ('')", "UPDATE shop.customer SET name = 'Later Turquoise' WHERE name = 'Late Turquoise'",
		"INSERT INTO shop.customer (given_name, family_name) VALUES ('Early', 'Green')")
	if got := r.one("SELECT GROUP_CONCAT(CONCAT_WS('|', name, given_name, family_name) ORDER BY id) FROM shop.customer WHERE id > (SELECT MAX(id) - 3 FROM shop.customer)"); got != "Later Turquoise|Later|Turquoise,|,Early Green|Early|Green" {
		r.T.Errorf("rows written through both shapes: %q", got)
	}
	r.exec("UPDATE shop.customer SET given_name = 'Ludwig', family_name = 'van Beethoven' WHERE id = 3", "DROP TRIGGER shop.customer_sync_upd",
		"UPDATE shop.customer SET name = 'nobody saw' WHERE id = 11")
	r.Walk("4.3")
	g = r.Counted()
	r.number(g, "left_count", 0)
	r.number(g, "mismatch_count", 1)
	r.number(g, "detail_count", 2) // van Beethoven, and the row that nobody saw
	r.number(g, "old_uses_count", 0)
	for what, made := range map[string][2]string{
		"a view":    {"CREATE VIEW shop.names AS SELECT c.name FROM shop.customer c", "DROP VIEW shop.names"},
		"a trigger": {"CREATE TRIGGER shop.another AFTER UPDATE ON shop.customer FOR EACH ROW SET @was = OLD.name", "DROP TRIGGER shop.another"},
		"an index":  {"CREATE INDEX names ON shop.customer (name)", "DROP INDEX names ON shop.customer"},
	} {
		r.exec(made[0])
		if g := r.Gauges()["old_uses_count"]; g.Err != nil || g.Value != 1 {
			r.T.Errorf("%s names the old column: %v (%v)", what, g.Value, g.Err)
		}
		r.exec(made[1])
	}
	r.exec("UPDATE shop.customer SET name = CONCAT(given_name, ' ', family_name) WHERE id = 11")
	r.Walk("8.2", "8.3", "8.4", "8.5")
	r.word("generation", "G")
	r.exec("INSERT INTO shop.customer (given_name, family_name) VALUES ('Late', 'Green')")
}

// sessionsAreCounted: who is connected under an account that nobody named is a
// finding, and a fenced account has no session left.
func (r *release) sessionsAreCounted() {
	r.exec("CREATE USER cron@'%' IDENTIFIED BY 'x'", "GRANT SELECT ON shop.* TO cron@'%'")
	blue := plain(r.T, r.db.DSN("shop_blue"), "shop/blue/1")
	cron := plain(r.T, strings.Replace(r.db.DSN("shop_blue"), r.db.DSN("shop_blue")[:strings.Index(r.db.DSN("shop_blue"), "@")], "cron:x", 1), "")
	g := r.Gauges()
	r.number(g, "blue_sessions_count", 1)
	r.number(g, "unknown_sessions_count", 2) // cron, and root of this test
	r.number(g, "green_sessions_count", 0)
	r.number(g, "blue_active_count", 0)
	r.Walk("1.4", "3.3", "3.4")
	if err := blue.PingContext(r.T.Context()); err == nil {
		r.T.Error("the session of blue outlived the fence")
	}
	r.number(r.Gauges(), "blue_sessions_count", 0)
	r.word("blue_login", "shut")
	r.exec("CREATE USER shop_blue@'10.%' IDENTIFIED BY 'x'") // one host that was forgotten
	r.word("blue_login", "open")
	if ok, is := r.Holds(r.Plan("3.3").Actions[0].Proof); ok {
		r.T.Errorf("an account of another host may log in, and the fence holds: %s", is)
	}
	r.exec("DROP USER shop_blue@'10.%'", "DROP USER cron@'%'")
	_ = cron.Close()
	r.Walk("B1.1", "B2.2")
	r.word("blue_login", "open")
}

// checkpoint breaks the backfill off between two batches, and finds each row
// filled once.
func (r *release) checkpoint() {
	r.Walk("1.4", "4.2", "4.3")
	as := r.Plan("5.1").Actions
	for _, a := range as[:len(as)-1] {
		if err := r.Send(a, 1); err != nil {
			r.T.Fatal(err)
		}
	}
	fill := as[len(as)-1]
	if err := r.Send(fill, 2); err != nil {
		r.T.Fatal(err)
	}
	const progress = "SELECT CONCAT(last_key, ' ', rows_done) FROM tqctl.progress"
	if got := r.one(progress); got != "2000 2000" {
		r.T.Fatalf("checkpoint: %q", got)
	}
	if ok, is := r.Holds(fill.Proof); ok {
		r.T.Fatalf("it counts as done: %s", is)
	}
	// somebody holds a row of the next batch: nothing is done, and nothing is passed
	writer := plain(r.T, r.db.DSN("shop_turquoise"), "")
	tx, err := writer.BeginTx(r.T.Context(), nil)
	if err != nil {
		r.T.Fatal(err)
	}
	if _, err := tx.Exec("UPDATE customer SET name = 'held' WHERE id = 2200"); err != nil {
		r.T.Fatal(err)
	}
	err = r.Send(fill, 1)
	if err == nil || r.Conn.Classify(err) != engines.Refused || !r.Conn.(engines.Contention).LockRefused(err) {
		r.T.Errorf("a batch behind a writer: %v", err)
	}
	if got := r.one(progress); got != "2000 2000" {
		r.T.Errorf("checkpoint of a batch that was refused: %q", got)
	}
	if err := tx.Rollback(); err != nil {
		r.T.Fatal(err)
	}
	r.Walk("5.1")
	if got := r.one(progress); got != "2500 2500" {
		r.T.Errorf("checkpoint at the end: %q", got)
	}
	r.Walk("C1.3", "C3.2")
}

// roundTrips asks the mapping for names that a collation could misread.
func (r *release) roundTrips() {
	r.exec("INSERT INTO shop.customer (id, name) VALUES (9001, 'Ada\u00a0King'), (9002, 'Zoë\u2003de Vries'), (9003, ' '), (9004, '  '), (9005, 'a b '), (9006, 'Ünal Ñ 𝒳'), (9007, '\u00a0')")
	r.Walk("4.1")
	r.exec("DELETE FROM shop.customer WHERE id > 9000")
}

// readerInFront holds the table with a long reader: the change gives its place
// up, says who is in the way, and a point query waits no longer than the lock
// timeout and a moment.
func (r *release) readerInFront() {
	over, held := make(chan struct{}), make(chan error, 1)
	go func() { held <- r.db.Hold(context.WithoutCancel(r.T.Context()), over) }()
	tick := time.NewTicker(150 * time.Millisecond) // asked more often, the server's list of transactions never changes
	defer tick.Stop()
	for r.Gauges()["oldest_xact_seconds"].Value == 0 && r.T.Context().Err() == nil {
		<-tick.C
	}
	quit, worst := make(chan struct{}), make(chan time.Duration, 1)
	point := plain(r.T, r.db.DSN("shop_turquoise"), "")
	go func() {
		var w time.Duration
		for {
			select {
			case <-quit:
				worst <- w
				return
			default:
			}
			at := time.Now()
			if _, err := point.ExecContext(context.WithoutCancel(r.T.Context()), "SELECT name FROM customer WHERE id = 7"); err != nil {
				r.T.Errorf("point query: %v", err)
			}
			w = max(w, time.Since(at))
		}
	}()
	_, err := r.Conn.Do(r.T.Context(), engines.Statement{Verb: engines.SQL, LockWait: time.Second, Text: "ALTER TABLE shop.customer ADD CONSTRAINT c CHECK (CHAR_LENGTH(name) >= 0), ALGORITHM=INPLACE, LOCK=NONE"})
	if err == nil || r.Conn.Classify(err) != engines.Refused || r.Conn.(engines.Contention).LockRefused(err) || !strings.Contains(err.Error(), "ALGORITHM=INPLACE is not supported") {
		r.T.Errorf("a change that would copy the table: %v", err)
	}
	a := r.Plan("4.2").Actions[0]
	for range 3 {
		waits := make(chan float64, 1)
		go func() {
			w := 0.0
			for range 5 {
				<-tick.C
				w = max(w, r.Gauges()["metadata_waits_count"].Value)
			}
			waits <- w
		}()
		err := r.Send(a, 1)
		if err == nil || r.Conn.Classify(err) != engines.Refused || !r.Conn.(engines.Contention).LockRefused(err) {
			r.T.Fatalf("behind a reader: %v", err)
		}
		if w := <-waits; w == 0 {
			r.T.Error("a statement waited for the table, and the gauge saw none")
		}
		hs, err := r.Conn.(engines.Contention).Holders(r.T.Context(), a.Lock.Object)
		if err != nil || len(hs) == 0 || !strings.Contains(strings.Join(hs, "; "), "of shop_report (sleep), transaction open for") {
			r.T.Errorf("holders: %v, %v", hs, err)
		}
	}
	close(quit)
	w := <-worst
	r.T.Logf("worst point query behind a change that waits at most %s: %s", a.Lock.Wait, w.Round(time.Millisecond))
	if limit := a.Lock.Wait + 100*time.Millisecond; w > limit {
		r.T.Errorf("a point query waited %s, at most %s", w, limit)
	}
	close(over)
	if err := <-held; err != nil {
		r.T.Fatal(err)
	}
	r.Walk("4.2", "C1.3")
}
