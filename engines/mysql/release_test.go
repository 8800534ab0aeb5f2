package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/runbooks"
)

// release performs steps of the shipped runbook on a real server as the executor
// does, without router and sessions.
type release struct {
	t     *testing.T
	db    lab.ShopDB
	book  *runbooks.Runbook
	steps map[runbooks.StepID]runbooks.Step
	conn  *mysql.Conn
	read  *mysql.Reader
	known map[engines.TargetID]engines.Identity
	root  *sql.Conn
}

// sharedRows are few enough that every step is a moment.
const sharedRows = 2500

func newRelease(t *testing.T, flavor string) *release {
	t.Helper()
	src, ok := runbooks.Builtin("blue-turquoise-green-mysql")
	if !ok {
		t.Fatal("the runbook does not ship")
	}
	book, fs := runbooks.Parse("blue-turquoise-green-mysql.yaml", src)
	if book == nil {
		t.Fatalf("%v", fs)
	}
	r := &release{t: t, db: labtest.ShopDB(t, flavor, sharedRows), book: book, steps: map[runbooks.StepID]runbooks.Step{}}
	for _, it := range runbooks.Sequence(book, true) {
		r.steps[it.Step.ID] = it.Step
	}
	for _, w := range book.Back {
		for _, it := range runbooks.SequenceBack(w, true) {
			r.steps[it.Step.ID] = it.Step
		}
	}
	o := engines.OpenRequest{Ctx: t.Context(), Target: "db", DSN: r.db.DSN(lab.RoleTurquoise), Run: "r1", Person: "ann"}
	var err error
	if r.conn, err = mysql.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.conn.Close() })
	if r.read, err = mysql.OpenReader(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.read.Close() })
	id, err := r.conn.Identify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.known = map[engines.TargetID]engines.Identity{"db": id}
	r.root = plain(t, r.db.DSN(lab.MySQLRoot), "")
	return r
}

func (r *release) exec(sqls ...string) {
	r.t.Helper()
	for _, s := range sqls {
		if _, err := r.root.ExecContext(r.t.Context(), s); err != nil {
			r.t.Fatalf("%v\n%s", err, s)
		}
	}
}

func (r *release) one(query string) string {
	r.t.Helper()
	var out string
	if err := r.root.QueryRowContext(r.t.Context(), query).Scan(&out); err != nil {
		r.t.Fatalf("%v\n%s", err, query)
	}
	return out
}

// plan plans a step as the session would.
func (r *release) plan(id runbooks.StepID) engines.Parts {
	r.t.Helper()
	s, ok := r.steps[id]
	if !ok {
		r.t.Fatalf("no step %s", id)
	}
	if s.Kind == "sql" {
		return engines.Parts{Actions: []engines.Action{{Target: "db", Verb: engines.SQL, Title: s.Title, Text: s.Args["text"],
			Proof: &engines.Proof{Target: "db", Verb: engines.SQL, Title: s.Title, Text: s.Args["proof"], Want: s.Args["want"]}}}}
	}
	p, err := mysql.Planner{}.Plan(engines.Request{Kind: s.Kind, Stage: s.Stage, Run: "r1", Attempt: 1, On: "db", From: s.From, To: s.To,
		Args: s.Args, Change: r.book.Change, Known: r.known, Limit: s.Timeout})
	if err != nil {
		r.t.Fatalf("step %s: %v", id, err)
	}
	return p
}

// send sends an action's text as often as it asks for, a small batch at a time.
func (r *release) send(a engines.Action, batches int) error {
	st := engines.Statement{Verb: engines.SQL, Text: a.Text, Limit: 30 * time.Second}
	if a.Lock != nil {
		st.LockWait = a.Lock.Wait
	}
	if a.Repeat == nil {
		_, err := r.conn.Do(r.t.Context(), st)
		return err
	}
	st.Args = []string{"1000"}
	for range batches {
		res, err := r.conn.Do(r.t.Context(), st)
		if err != nil || len(res.Rows) == 0 {
			return err
		}
	}
	return nil
}

func (r *release) holds(p *engines.Proof) (bool, string) {
	r.t.Helper()
	res, err := r.conn.Do(r.t.Context(), engines.Statement{Verb: engines.SQL, Text: p.Text, Limit: 30 * time.Second})
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", p.Title, err, p.Text)
	}
	is, _ := res.First()
	return is == p.Want, is
}

// walk performs steps and gives how many statements were sent.
func (r *release) walk(ids ...runbooks.StepID) (sent int) {
	r.t.Helper()
	for _, id := range ids {
		for _, a := range r.plan(id).Actions {
			if a.Only != nil {
				if ok, _ := r.holds(a.Only); !ok {
					if ok, is := r.holds(a.Proof); !ok {
						r.t.Fatalf("step %s is passed over: %s: is %q, want %q", id, a.Proof.Title, is, a.Proof.Want)
					}
					continue
				}
			}
			if err := r.send(a, 1000); err != nil {
				r.t.Fatalf("step %s: %v\n%s", id, err, a.Text)
			}
			sent++
			if a.Proof == nil {
				continue
			}
			if ok, is := r.holds(a.Proof); !ok {
				r.t.Fatalf("step %s: %s: is %q, want %q\n%s", id, a.Proof.Title, is, a.Proof.Want, a.Proof.Text)
			}
		}
	}
	return sent
}

func (r *release) catalog() string {
	r.t.Helper()
	s, err := r.db.Catalog(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *release) gauges() map[string]engines.Reading {
	out := map[string]engines.Reading{}
	for _, g := range r.read.Gauges(r.t.Context(), engines.Scope{Run: "r1", On: "db", From: "blue", To: "green", Change: r.book.Change}) {
		_, name := g.Gauge.Split()
		out[name] = g
	}
	return out
}

// counted waits until the job has counted rows since now.
func (r *release) counted() map[string]engines.Reading {
	r.t.Helper()
	since := time.Now()
	for r.t.Context().Err() == nil && time.Since(since) < 20*time.Second {
		if g := r.gauges(); g["left_count"].Err == nil && g["left_count"].At.After(since) {
			return g
		}
	}
	r.t.Fatalf("nobody counted: %v", r.gauges()["left_count"].Err)
	return nil
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
				if !t.Run(c.name, func(t *testing.T) { was := r.t; r.t = t; defer func() { r.t = was }(); c.run(r) }) {
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
		r.walk(ups()[:i+1]...)
		if r.catalog() == before {
			r.t.Fatalf("step %s changed nothing that is looked at", id)
		}
		if i%2 == 0 {
			r.walk("D1.1", "D1.3", "D2.2", "D2.3", "D2.4", "D3.1", "D4.2")
		} else {
			r.walk("D1.1", "D1.3", "C1.2", "C1.3", "C1.4", "C2.1", "C3.2")
		}
		if after := r.catalog(); after != before {
			r.t.Fatalf("up to %s and down again:\n%s\nbefore:\n%s", id, after, before)
		}
		if n := r.one("SELECT COUNT(*) FROM shop.customer"); n != fmt.Sprint(sharedRows) {
			r.t.Fatalf("rows after %s: %s", id, n)
		}
	}
	if n := r.walk("D1.3", "C1.2", "C1.3", "C1.4"); n != 0 {
		r.t.Errorf("%d statements were sent where nothing was to be taken back", n)
	}
}

// word and number look at gauges.
func (r *release) word(name, want string) {
	r.t.Helper()
	if g := r.gauges()[name]; g.Err != nil || g.Text != want {
		r.t.Errorf("%s: want %s, got %q (%v)", name, want, g.Text, g.Err)
	}
}

func (r *release) number(g map[string]engines.Reading, name string, want float64) {
	r.t.Helper()
	if g[name].Err != nil || g[name].Value != want {
		r.t.Errorf("%s: want %v, got %v (%v)", name, want, g[name].Value, g[name].Err)
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
	if g := r.gauges()["left_count"]; g.Err == nil {
		r.t.Error("rows are counted against a shape that is not there")
	}
	first := r.gauges()["shape"].Text
	r.walk("1.4", "3.3", "4.1", "4.2")
	r.word("generation", "partial")
	r.word("blue_login", "shut")
	if r.gauges()["shape"].Text == first {
		r.t.Error("two columns more, and the hash of the shape is the same")
	}
	r.walk("4.3", "4.4", "4.5", "4.6")
	r.word("generation", "B+G")
	r.exec("UPDATE shop.customer SET family_name = 'King' WHERE id = 8")
	if got := r.one("SELECT CONCAT_WS('|', name, given_name, family_name) FROM shop.customer WHERE id = 8"); got != "Ada King|Ada|King" {
		r.t.Errorf("a change of a row that was not filled: %q", got)
	}
	g := r.counted()
	r.number(g, "left_count", sharedRows-1)
	r.number(g, "unvalidated_count", 1)
	r.walk("5.1", "5.3")
	r.number(r.gauges(), "unvalidated_count", 0)
	// turquoise, which knows the old shape alone, still writes
	r.exec("INSERT INTO shop.customer (name) VALUES ('Late Turquoise'), ('')", "UPDATE shop.customer SET name = 'Later Turquoise' WHERE name = 'Late Turquoise'",
		"INSERT INTO shop.customer (given_name, family_name) VALUES ('Early', 'Green')")
	if got := r.one("SELECT GROUP_CONCAT(CONCAT_WS('|', name, given_name, family_name) ORDER BY id) FROM shop.customer WHERE id > (SELECT MAX(id) - 3 FROM shop.customer)"); got != "Later Turquoise|Later|Turquoise,|,Early Green|Early|Green" {
		r.t.Errorf("rows written through both shapes: %q", got)
	}
	r.exec("UPDATE shop.customer SET given_name = 'Ludwig', family_name = 'van Beethoven' WHERE id = 3", "DROP TRIGGER shop.customer_sync_upd",
		"UPDATE shop.customer SET name = 'nobody saw' WHERE id = 11")
	r.walk("4.3")
	g = r.counted()
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
		if g := r.gauges()["old_uses_count"]; g.Err != nil || g.Value != 1 {
			r.t.Errorf("%s names the old column: %v (%v)", what, g.Value, g.Err)
		}
		r.exec(made[1])
	}
	r.exec("UPDATE shop.customer SET name = CONCAT(given_name, ' ', family_name) WHERE id = 11")
	r.walk("8.2", "8.3", "8.4", "8.5")
	r.word("generation", "G")
	r.exec("INSERT INTO shop.customer (given_name, family_name) VALUES ('Late', 'Green')")
}

// sessionsAreCounted: who is connected under an account that nobody named is a
// finding, and a fenced account has no session left.
func (r *release) sessionsAreCounted() {
	r.exec("CREATE USER cron@'%' IDENTIFIED BY 'x'", "GRANT SELECT ON shop.* TO cron@'%'")
	blue := plain(r.t, r.db.DSN("shop_blue"), "shop/blue/1")
	cron := plain(r.t, strings.Replace(r.db.DSN("shop_blue"), r.db.DSN("shop_blue")[:strings.Index(r.db.DSN("shop_blue"), "@")], "cron:x", 1), "")
	g := r.gauges()
	r.number(g, "blue_sessions_count", 1)
	r.number(g, "unknown_sessions_count", 2) // cron, and root of this test
	r.number(g, "green_sessions_count", 0)
	r.number(g, "blue_active_count", 0)
	r.walk("1.4", "3.3", "3.4")
	if err := blue.PingContext(r.t.Context()); err == nil {
		r.t.Error("the session of blue outlived the fence")
	}
	r.number(r.gauges(), "blue_sessions_count", 0)
	r.word("blue_login", "shut")
	r.exec("CREATE USER shop_blue@'10.%' IDENTIFIED BY 'x'") // one host that was forgotten
	r.word("blue_login", "open")
	if ok, is := r.holds(r.plan("3.3").Actions[0].Proof); ok {
		r.t.Errorf("an account of another host may log in, and the fence holds: %s", is)
	}
	r.exec("DROP USER shop_blue@'10.%'", "DROP USER cron@'%'")
	_ = cron.Close()
	r.walk("B1.1", "B2.2")
	r.word("blue_login", "open")
}

// checkpoint breaks the backfill off between two batches, and finds each row
// filled once.
func (r *release) checkpoint() {
	r.walk("1.4", "4.2", "4.3")
	as := r.plan("5.1").Actions
	for _, a := range as[:len(as)-1] {
		if err := r.send(a, 1); err != nil {
			r.t.Fatal(err)
		}
	}
	fill := as[len(as)-1]
	if err := r.send(fill, 2); err != nil {
		r.t.Fatal(err)
	}
	const progress = "SELECT CONCAT(last_key, ' ', rows_done) FROM tqctl.progress"
	if got := r.one(progress); got != "2000 2000" {
		r.t.Fatalf("checkpoint: %q", got)
	}
	if ok, is := r.holds(fill.Proof); ok {
		r.t.Fatalf("it counts as done: %s", is)
	}
	// somebody holds a row of the next batch: nothing is done, and nothing is passed
	writer := plain(r.t, r.db.DSN("shop_turquoise"), "")
	tx, err := writer.BeginTx(r.t.Context(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := tx.Exec("UPDATE customer SET name = 'held' WHERE id = 2200"); err != nil {
		r.t.Fatal(err)
	}
	err = r.send(fill, 1)
	if err == nil || r.conn.Classify(err) != engines.Refused || !r.conn.LockRefused(err) {
		r.t.Errorf("a batch behind a writer: %v", err)
	}
	if got := r.one(progress); got != "2000 2000" {
		r.t.Errorf("checkpoint of a batch that was refused: %q", got)
	}
	if err := tx.Rollback(); err != nil {
		r.t.Fatal(err)
	}
	r.walk("5.1")
	if got := r.one(progress); got != "2500 2500" {
		r.t.Errorf("checkpoint at the end: %q", got)
	}
	r.walk("C1.3", "C3.2")
}

// roundTrips asks the mapping for names that a collation could misread.
func (r *release) roundTrips() {
	r.exec("INSERT INTO shop.customer (id, name) VALUES (9001, 'Ada\u00a0King'), (9002, 'Zoë\u2003de Vries'), (9003, ' '), (9004, '  '), (9005, 'a b '), (9006, 'Ünal Ñ 𝒳'), (9007, '\u00a0')")
	r.walk("4.1")
	r.exec("DELETE FROM shop.customer WHERE id > 9000")
}

// readerInFront holds the table with a long reader: the change gives its place
// up, says who is in the way, and a point query waits no longer than the lock
// timeout and a moment.
func (r *release) readerInFront() {
	over, held := make(chan struct{}), make(chan error, 1)
	go func() { held <- r.db.Hold(context.WithoutCancel(r.t.Context()), over) }()
	tick := time.NewTicker(150 * time.Millisecond) // asked more often, the server's list of transactions never changes
	defer tick.Stop()
	for r.gauges()["oldest_xact_seconds"].Value == 0 && r.t.Context().Err() == nil {
		<-tick.C
	}
	quit, worst := make(chan struct{}), make(chan time.Duration, 1)
	point := plain(r.t, r.db.DSN("shop_turquoise"), "")
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
			if _, err := point.ExecContext(context.WithoutCancel(r.t.Context()), "SELECT name FROM customer WHERE id = 7"); err != nil {
				r.t.Errorf("point query: %v", err)
			}
			w = max(w, time.Since(at))
		}
	}()
	_, err := r.conn.Do(r.t.Context(), engines.Statement{Verb: engines.SQL, LockWait: time.Second, Text: "ALTER TABLE shop.customer ADD CONSTRAINT c CHECK (CHAR_LENGTH(name) >= 0), ALGORITHM=INPLACE, LOCK=NONE"})
	if err == nil || r.conn.Classify(err) != engines.Refused || r.conn.LockRefused(err) || !strings.Contains(err.Error(), "ALGORITHM=INPLACE is not supported") {
		r.t.Errorf("a change that would copy the table: %v", err)
	}
	a := r.plan("4.2").Actions[0]
	for range 3 {
		waits := make(chan float64, 1)
		go func() {
			w := 0.0
			for range 5 {
				<-tick.C
				w = max(w, r.gauges()["metadata_waits_count"].Value)
			}
			waits <- w
		}()
		err := r.send(a, 1)
		if err == nil || r.conn.Classify(err) != engines.Refused || !r.conn.LockRefused(err) {
			r.t.Fatalf("behind a reader: %v", err)
		}
		if w := <-waits; w == 0 {
			r.t.Error("a statement waited for the table, and the gauge saw none")
		}
		hs, err := r.conn.Holders(r.t.Context(), a.Lock.Object)
		if err != nil || len(hs) == 0 || !strings.Contains(strings.Join(hs, "; "), "of shop_report (sleep), transaction open for") {
			r.t.Errorf("holders: %v, %v", hs, err)
		}
	}
	close(quit)
	w := <-worst
	r.t.Logf("worst point query behind a change that waits at most %s: %s", a.Lock.Wait, w.Round(time.Millisecond))
	if limit := a.Lock.Wait + 100*time.Millisecond; w > limit {
		r.t.Errorf("a point query waited %s, at most %s", w, limit)
	}
	close(over)
	if err := <-held; err != nil {
		r.t.Fatal(err)
	}
	r.walk("4.2", "C1.3")
}
