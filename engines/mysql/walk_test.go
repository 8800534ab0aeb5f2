package mysql_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// walker performs plans as the executor does: each action once, its proof until
// it holds, captured values bound later.
type walker struct {
	t       *testing.T
	l       *lab.MySQLPairLab
	dsn     map[engines.TargetID]string
	conns   map[string]engines.Conn // by target and session
	readers map[engines.TargetID]engines.Reader
	known   map[engines.TargetID]engines.Identity
	params  map[string]string
	vars    map[string]string
	secrets *strings.Replacer
	attempt int
	took    map[string]time.Duration // by title, of the last step
}

func newWalker(t *testing.T, l *lab.MySQLPairLab) *walker {
	t.Helper()
	env := l.Env()
	cfg := func(m *lab.MySQL) string { return fmt.Sprintf("host=127.0.0.1 port=%d ssl=off", m.Port) }
	own, _, _ := strings.Cut(strings.TrimPrefix(l.BlueDSN(), lab.RoleTurquoise+":"), "@")
	w := &walker{t: t, l: l, dsn: map[engines.TargetID]string{"blue": l.BlueDSN(), "green": l.GreenDSN()}, conns: map[string]engines.Conn{},
		readers: map[engines.TargetID]engines.Reader{}, known: map[engines.TargetID]engines.Identity{}, vars: map[string]string{}, attempt: 1,
		secrets: strings.NewReplacer("${secret:repl_sql}", "'"+env["TURQUOISE_REPL_PASSWORD"]+"'", "${secret:dump}", own),
		params:  map[string]string{"blue_conninfo": cfg(l.Blue), "green_conninfo": cfg(l.Green), "router": "none", "database": lab.MySQLDatabase}}
	for id := range w.dsn {
		r, err := mysql.OpenReader(w.request(id, "sampler"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		w.readers[id] = r
		if w.known[id], err = w.conn(id, "").Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w *walker) request(id engines.TargetID, role string) engines.OpenRequest {
	return engines.OpenRequest{Ctx: w.t.Context(), Target: id, DSN: w.dsn[id], Run: "r1", Sid: "x", Person: "ann", Role: role,
		Params: map[string]string{"tools": filepath.Join(w.l.Blue.Root, "usr/bin")}}
}

// conn is the connection of a target and session, opened when it is first asked for.
func (w *walker) conn(id engines.TargetID, session string) engines.Conn {
	w.t.Helper()
	if c, ok := w.conns[string(id)+session]; ok {
		return c
	}
	role := "executor"
	if session != "" {
		role = session
	}
	c, err := mysql.Open(w.request(id, role))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	w.conns[string(id)+session] = c
	return c
}

func (w *walker) plan(kind, stage string, on, from, to engines.TargetID) engines.Parts {
	w.t.Helper()
	p, err := mysql.Engine().Planner.Plan(engines.Request{Kind: kind, Stage: stage, Run: "r1", Attempt: w.attempt, On: on,
		From: from, To: to, Params: w.params, Vars: w.vars, Known: w.known})
	if err != nil {
		w.t.Fatalf("plan %s/%s: %v", kind, stage, err)
	}
	return p
}

func (w *walker) ask(on engines.TargetID, session string, verb engines.Verb, text string, binds []engines.Bind, limit time.Duration) (engines.Result, error) {
	var args []string
	for _, b := range binds {
		v, ok := w.vars[b.Var]
		if !ok {
			w.t.Fatalf("%q needs %s, which nothing captured", text, b.Var)
		}
		args = append(args, v)
	}
	if limit == 0 {
		limit = 60 * time.Second
	}
	return w.conn(on, session).Do(w.t.Context(), engines.Statement{Verb: verb, Text: w.secrets.Replace(text), Args: args, Limit: limit, Tag: "/* tq test */"})
}

// proved asks a proof until it holds or its time is over.
func (w *walker) proved(p engines.Proof) error {
	end := time.Now().Add(p.Limit)
	tick := time.NewTicker(max(p.Every, time.Millisecond))
	defer tick.Stop()
	for ; ; <-tick.C {
		res, err := w.ask(p.Target, "", p.Verb, p.Text, p.Binds, 0)
		is, _ := res.First()
		switch {
		case err != nil:
			return fmt.Errorf("proof %q: %w\n%s", p.Title, err, p.Text)
		case is == p.Want:
			return nil
		case p.Every == 0 || time.Now().After(end):
			return fmt.Errorf("proof %q on %s: is %q, want %q", p.Title, p.Target, is, p.Want)
		}
	}
}

// try performs actions; begun are the numbers of those that began.
func (w *walker) try(as []engines.Action, skip func(engines.Action) bool) (begun map[int]bool, err error) {
	begun, w.took = map[int]bool{}, map[string]time.Duration{}
	for i, a := range as {
		if skip != nil && skip(a) {
			continue
		}
		began := time.Now()
		if a.Only != nil && w.proved(*a.Only) != nil { // passed over: only its proof is asked
			if a.Proof != nil {
				err = w.proved(*a.Proof)
			}
			if err != nil {
				return begun, err
			}
			continue
		}
		begun[i+1] = true
		res, err := w.ask(a.Target, a.Session, a.Verb, a.Text, a.Binds, a.Limit)
		if err != nil {
			return begun, fmt.Errorf("action %q on %s: %w\n%s", a.Title, a.Target, err, a.Text)
		}
		for _, c := range a.Captures {
			if v := res.Rows[0][c.Column]; v != nil {
				w.vars[c.Var] = *v
			}
		}
		if a.Proof != nil {
			if err := w.proved(*a.Proof); err != nil {
				return begun, err
			}
		}
		w.took[a.Title] = time.Since(began)
	}
	return begun, nil
}

func (w *walker) do(as []engines.Action) {
	w.t.Helper()
	if _, err := w.try(as, nil); err != nil {
		w.t.Fatalf("%v\nopen transactions: %s", err, w.transactions())
	}
}

// transactions says who holds changes on either side: what a freeze waits for.
func (w *walker) transactions() string {
	out := ""
	for id := range w.dsn {
		out += string(id) + ": " + first(w.t, w.conn(id, ""), `SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(t.trx_id, t.trx_state, t.trx_mysql_thread_id, t.trx_rows_modified, t.trx_query,
 p.user, p.command, p.state, p.info)), '-') FROM information_schema.innodb_trx t LEFT JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id`) + "\n"
	}
	return out
}

func (w *walker) step(kind, stage string, on, from, to engines.TargetID) engines.Parts {
	w.t.Helper()
	p := w.plan(kind, stage, on, from, to)
	w.do(p.Actions)
	return p
}

// cutAndAgain cuts a step behind each of its actions, as a cockpit that dies there,
// and makes it anew: a step of which not all is there may be confirmed again.
func (w *walker) cutAndAgain(kind, stage string, on, from, to engines.TargetID) {
	w.t.Helper()
	was := w.attempt
	defer func() { w.attempt = was }()
	for n := 1; ; n++ {
		as := w.plan(kind, stage, on, from, to).Actions
		w.do(as[:min(n, len(as))])
		if n > len(as) {
			return // and once more when all of it was there
		}
		w.attempt++
	}
}

// window is the whole of a window as one list, as a block has it.
func (w *walker) window(from, to engines.TargetID) engines.Parts {
	w.t.Helper()
	var whole engines.Parts
	for _, s := range []struct {
		kind, stage string
		on          engines.TargetID
	}{{"freeze", "", from}, {"catchup", "", to}, {"reverse", "start", from}, {"sequences", "", to}, {"route", "", to}} {
		whole.Append(w.plan(s.kind, s.stage, s.on, from, to))
	}
	return whole
}

// abort runs the abort list of a window of which some actions began.
func (w *walker) abort(p engines.Parts, begun map[int]bool) {
	w.t.Helper()
	if _, err := w.try(p.Abort, func(a engines.Action) bool { return a.Undoes > 0 && !begun[a.Undoes] }); err != nil {
		w.t.Fatalf("abort: %v", err)
	}
}

// build makes green a copy of blue that follows it.
func (w *walker) build() {
	w.t.Helper()
	w.step("control", "create", "blue", "blue", "green")
	w.step("role", "create", "blue", "blue", "green")
	w.step("role", "create", "green", "blue", "green")
	w.step("retain", "", "blue", "blue", "green")
	w.step("retain", "", "green", "blue", "green")
	w.step("seed", "copy", "green", "blue", "green")
	w.step("steady", "on", "green", "blue", "green")
	w.step("steady", "on", "blue", "blue", "green")
	w.step("guard", "on", "green", "blue", "green")
	w.cutAndAgain("attach", "start", "green", "blue", "green")
	w.cutAndAgain("reverse", "define", "blue", "blue", "green")
	w.step("capture", "", "blue", "blue", "green")
	w.step("capture", "", "green", "blue", "green")
}

// gauge reads one gauge.
func (w *walker) gauge(id engines.GaugeID) engines.Reading {
	w.t.Helper()
	on, _ := id.Split()
	for _, g := range w.readers[on].Gauges(w.t.Context(), engines.Scope{Run: "r1", On: on, From: "blue", To: "green", Params: w.params, Peer: w.readers}) {
		if g.Gauge == id {
			return g
		}
	}
	w.t.Fatalf("no gauge %s", id)
	return engines.Reading{}
}

// pairs runs a test with each product and way of counting.
func pairs(t *testing.T, test func(t *testing.T, w *walker)) {
	t.Helper()
	for _, o := range []lab.MySQLOptions{{Flavor: lab.FlavorMySQL}, {Flavor: lab.FlavorMySQL, NoGTID: true}, {Flavor: lab.FlavorMariaDB}, {Flavor: lab.FlavorMariaDB, NoGTID: true}} {
		name := o.Flavor
		if o.NoGTID {
			name += " by position"
		}
		t.Run(name, func(t *testing.T) { test(t, newWalker(t, labtest.MySQLPair(t, o))) })
	}
}

// rows is an answer of the application's own tables on a side.
func (w *walker) rows(on engines.TargetID, query string) string {
	w.t.Helper()
	return first(w.t, w.conn(on, ""), query)
}

// TestThereAndBack walks forth, takes a window back, walks forth again and back:
// what is written anywhere in between is on both sides in the end.
func TestThereAndBack(t *testing.T) {
	pairs(t, func(t *testing.T, w *walker) {
		w.build()
		closed, events := "super", "SELECT @@global.event_scheduler"
		if w.l.Flavor == lab.FlavorMariaDB {
			closed = "on"
		} else {
			// Stopped, cut and stopped again, events run again where the writes are.
			was := w.rows("blue", events)
			w.cutAndAgain("quiet", "on", "blue", "blue", "green")
			w.step("quiet", "off", "blue", "blue", "green")
			if is := w.rows("blue", events); was != "ON" || is != was {
				t.Errorf("the scheduler is %s, was %s", is, was)
			}
		}
		write := func(on engines.TargetID, mark string) {
			first(t, w.conn(on, ""), "SELECT 1")
			if _, err := w.conn(on, "").Do(t.Context(), statement("CREATE TABLE IF NOT EXISTS shop.walked (id BIGINT AUTO_INCREMENT PRIMARY KEY, mark VARCHAR(20))")); err != nil {
				t.Fatal(err)
			}
			if _, err := w.conn(on, "").Do(t.Context(), statement("INSERT INTO shop.walked (mark) VALUES ('%s')", mark)); err != nil {
				t.Fatal(err)
			}
		}
		write("blue", "before")

		p := w.window("blue", "green") // taken back as far as it goes: green is open
		begun, err := w.try(p.Actions, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("window: %v", w.took)
		w.abort(p, begun)
		write("blue", "taken back")

		w.attempt = 2
		p = w.window("blue", "green")
		w.do(p.Actions)
		write("green", "on green")
		w.step("detach", "drop", "green", "blue", "green")
		w.step("persist", "", "green", "blue", "green")
		w.step("lock", "", "blue", "blue", "green")

		w.step("reverse", "define", "green", "green", "blue")
		w.step("capture", "", "green", "green", "blue")
		w.step("capture", "", "blue", "green", "blue")
		w.do(w.window("green", "blue").Actions)
		write("blue", "back")
		w.step("detach", "drop", "blue", "green", "blue")
		w.step("persist", "", "blue", "green", "blue")
		w.step("lock", "", "green", "green", "blue")

		const marks = "SELECT GROUP_CONCAT(mark ORDER BY id) FROM shop.walked"
		if got := w.rows("blue", marks); got != "before,taken back,on green,back" {
			t.Errorf("blue: %s", got)
		}
		until(t, "green follows again", func() (bool, error) {
			return w.rows("green", marks) == "before,taken back,on green,back", nil
		})
		w.step("close", "", "green", "green", "blue")
		w.step("control", "drop", "blue", "green", "blue")
		w.cutAndAgain("control", "drop", "green", "green", "blue")
		w.step("role", "drop", "blue", "green", "blue")
		w.cutAndAgain("role", "drop", "green", "green", "blue")
		if got := w.gauge("green/read_only_state").Text; got != closed {
			t.Errorf("green, which follows, is left %s, want %s", got, closed)
		}
	})
}

// TestTheWayBackIsTriedBeforeTheWindow: a green that does not let blue in is found
// before a client was turned away.
func TestTheWayBackIsTriedBeforeTheWindow(t *testing.T) {
	w := newWalker(t, labtest.MySQLPair(t, lab.MySQLOptions{Flavor: lab.FlavorMySQL}))
	w.step("role", "create", "green", "blue", "green")
	p := w.plan("reverse", "define", "blue", "blue", "green")
	exec(t, plain(t, w.l.Green.DSN(lab.MySQLRoot, ""), ""), "ALTER USER repl@'%' IDENTIFIED BY 'another'", "")
	begun, err := w.try(p.Actions, nil)
	if err == nil || !strings.Contains(err.Error(), "the receiver is connected") {
		t.Errorf("green lets nobody in: %v", err)
	}
	if _, err := w.try(p.Undo, func(a engines.Action) bool { return a.Undoes > 0 && !begun[a.Undoes] }); err != nil {
		t.Error(err)
	}
	if got := first(t, w.conn("blue", ""), "SELECT COUNT(*) FROM performance_schema.replication_connection_configuration"); got != "0" {
		t.Errorf("%s links are left after the undo", got)
	}
}
