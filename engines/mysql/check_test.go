package mysql_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

const (
	block   = engines.Block
	caution = engines.Caution
	info    = engines.Info
	pass    = engines.Pass
	blind   = engines.Blind
)

var levels = map[engines.Level]string{blind: "blind", block: "block", caution: "caution", info: "info", pass: "pass"}

// pair is a blue and green of one product, as a run would see them. What is done
// to them goes past their logs, so that nothing of it is replicated.
type pair struct {
	t      *testing.T
	l      *lab.MySQLPairLab
	maria  bool
	params map[string]string
	lists  map[string][]string
	vars   map[string]string
	read   map[engines.TargetID]engines.Reader
}

func newPair(t *testing.T, flavor string) *pair {
	t.Helper()
	p := &pair{t: t, l: labtest.MySQLPair(t, lab.MySQLOptions{Flavor: flavor}), maria: flavor == lab.FlavorMariaDB,
		params: map[string]string{"automation": "none"}, lists: map[string][]string{"admins": {lab.MySQLRoot}}, vars: map[string]string{}, read: map[engines.TargetID]engines.Reader{}}
	p.open("blue", p.l.BlueDSN())
	p.open("green", p.l.GreenDSN())
	return p
}

func (p *pair) open(id engines.TargetID, dsn string) {
	p.t.Helper()
	r, err := mysql.OpenReader(engines.OpenRequest{Ctx: p.t.Context(), Target: id, DSN: dsn, Run: "r1", Person: "ann"})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = r.Close() })
	p.read[id] = r
}

func (p *pair) server(id engines.TargetID) *lab.MySQL {
	if id == "blue" {
		return p.l.Blue
	}
	return p.l.Green
}

// exec runs statements as root, past the log. They are in MySQL's words.
func (p *pair) exec(id engines.TargetID, statements ...string) {
	p.t.Helper()
	p.logged(id, append([]string{"set sql_log_bin = 0"}, statements...)...)
}

// logged runs statements as root, into the log.
func (p *pair) logged(id engines.TargetID, statements ...string) {
	p.t.Helper()
	said := make([]string, len(statements))
	for i, s := range statements {
		said[i] = p.say(s)
	}
	if err := p.server(id).Exec(context.WithoutCancel(p.t.Context()), "", said...); err != nil {
		p.t.Errorf("on %s: %q: %v", id, said, err)
	}
}

// say puts a statement into the product's words.
func (p *pair) say(s string) string {
	if !p.maria {
		return s
	}
	return strings.NewReplacer("change replication source", "change master", "source_", "master_", "replica_", "slave_", "after_gtids", "gtid_pos").Replace(s)
}

func (p *pair) one(on engines.TargetID, id string) engines.Finding {
	p.t.Helper()
	fs := p.read[on].(*mysql.Reader).InspectOnly(p.t.Context(), engines.Scope{Run: "r1", On: on, From: "blue", To: "green",
		Params: p.params, Lists: p.lists, Vars: p.vars, Peer: p.read}, id)
	if len(fs) != 1 {
		p.t.Fatalf("%s on %s: %d findings", id, on, len(fs))
	}
	return fs[0]
}

// expect is one finding: its level, and a part of what it says.
func (p *pair) expect(on engines.TargetID, id string, level engines.Level, says string) {
	p.t.Helper()
	p.judge(p.one(on, id), on, id, level, says)
}

func (p *pair) judge(f engines.Finding, on engines.TargetID, id string, level engines.Level, says string) {
	p.t.Helper()
	if f.Level != level || !strings.Contains(f.Is, says) {
		p.t.Errorf("%s on %s: %s: %q, want %s: %q", id, on, levels[f.Level], f.Is, levels[level], says)
	}
	if f.Level != pass && f.Level != info && (f.Cause == "" || f.Next == "") {
		p.t.Errorf("%s on %s does not pass and says no cause or next move: %+v", id, on, f)
	}
	for _, text := range []string{f.Title, f.Want, f.Cause, f.Next, f.Is} {
		if strings.ContainsAny(text, "{}\n") {
			p.t.Errorf("%s: %q", id, text)
		}
	}
}

// until asks a check until it says so.
func (p *pair) until(on engines.TargetID, id string, level engines.Level, says string) {
	p.t.Helper()
	var f engines.Finding
	// The server shows its transactions from a cache that it makes anew only when
	// nobody asked for 100 ms: asking without a pause keeps the old one alive.
	pause := time.NewTicker(200 * time.Millisecond)
	defer pause.Stop()
	for over := time.Now().Add(20 * time.Second); time.Now().Before(over); <-pause.C {
		if f = p.one(on, id); f.Level == level && strings.Contains(f.Is, says) {
			break
		}
	}
	p.judge(f, on, id, level, says)
}

// session is a client's own session, as root; statements are what it does first.
func (p *pair) session(id engines.TargetID, statements ...string) *sql.Conn {
	p.t.Helper()
	return p.sessionOf(p.server(id).DSN(lab.MySQLRoot, ""), statements...)
}

func (p *pair) sessionOf(dsn string, statements ...string) *sql.Conn {
	p.t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = db.Close() })
	db.SetMaxIdleConns(0) // a session that is closed ends
	c, err := db.Conn(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range append([]string{"set lock_wait_timeout = 5"}, statements...) {
		if _, err := c.ExecContext(p.t.Context(), s); err != nil {
			p.t.Fatalf("%s: %v", s, err)
		}
	}
	return c
}

// trouble is one row of a check's test: what is true before, what is done, and
// what the check says then.
type trouble struct {
	id     string
	on     engines.TargetID
	only   string        // one product; empty is both
	before engines.Level // what it says without the trouble; Pass unless given
	base   []string      // on both sides, before the first look
	blue   []string      // the trouble
	green  []string
	then   []string // on blue, after that
	level  engines.Level
	says   string
	undo   []string // on both sides
	bundo  []string // on blue
	gundo  []string // on green
	lists  map[string][]string
	params map[string]string
	wait   bool // it comes by itself, after a moment
}

func (r trouble) run(t *testing.T, p *pair) {
	old, params, lists := p.t, p.params, p.lists
	p.t = t
	defer func() {
		p.params, p.lists = params, lists
		p.exec("green", append(r.gundo, r.undo...)...)
		p.exec("blue", append(r.bundo, r.undo...)...)
		p.t = old
	}()
	for _, id := range []engines.TargetID{"blue", "green"} {
		p.exec(id, r.base...)
	}
	before := r.before
	if before == blind {
		before = pass
	}
	look := p.expect
	if r.wait {
		look = p.until
	}
	look(r.on, r.id, before, "")
	p.params, p.lists = maps.Clone(params), maps.Clone(lists)
	maps.Copy(p.params, r.params)
	maps.Copy(p.lists, r.lists)
	p.exec("blue", r.blue...)
	p.exec("green", r.green...)
	p.exec("blue", r.then...)
	look(r.on, r.id, r.level, r.says)
}

func (p *pair) walk(rows []trouble) {
	t := p.t
	for i, r := range rows {
		if r.only == "" || (r.only == lab.FlavorMariaDB) == p.maria {
			t.Run(fmt.Sprintf("%s-%02d-%s", strings.ReplaceAll(r.id, "/", "."), i, levels[r.level]), func(t *testing.T) { r.run(t, p) })
		}
	}
	p.t = t
}

// TestChecksOfMySQL and TestChecksOfMariaDB make each check pass on real servers,
// then give it what it looks for: one pair for all of them, one after the other.
func TestChecksOfMySQL(t *testing.T)   { checksFailAndPass(t, lab.FlavorMySQL) }
func TestChecksOfMariaDB(t *testing.T) { checksFailAndPass(t, lab.FlavorMariaDB) }

func checksFailAndPass(t *testing.T, flavor string) {
	p := newPair(t, flavor)
	p.nothingYet()
	labtest.Follow(t, p.l, "")
	p.until("green", "MY07", pass, "")
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"settings", func() { p.walk(settingTroubles()) }},
		{"tables", func() { p.walk(tableTroubles()) }},
		{"accounts", func() { p.walk(accountTroubles()) }},
		{"freeze", func() { p.walk(freezeTroubles()) }},
		{"link", func() { p.walk(linkTroubles()) }},
		{"sight", p.sight},
		{"sessions", p.sessions},
		{"room", p.room},
		{"position", p.lostLog},
		{"restart", p.restarted},
		{"ends", p.ends},
	} {
		t.Run(part.name, func(t *testing.T) {
			p.t = t
			part.run()
		})
		p.t = t
	}
}

// nothingYet: before the copy there is nothing to look at, and nothing passes.
func (p *pair) nothingYet() {
	for _, id := range []string{"MY07", "MY08", "MY23"} {
		p.expect("green", id, info, "green does not follow blue yet")
	}
	for _, id := range []string{"MY17", "MY18", "MY18/objects", "MY19/behind", "MY20/schemas", "MY27"} {
		p.expect("green", id, info, "green has no tables yet")
	}
	p.expect("green", "MY24", info, "no Aurora")
	p.expect("green", "MY23", info, "")
	peer := p.read["blue"]
	delete(p.read, "blue")
	for _, id := range []string{"G03", "MY04", "MY05", "MY18", "MY28"} {
		p.expect("green", id, blind, "the other side cannot be read")
	}
	p.read["blue"] = peer
}
