package compare_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// binlogPair is a pair of MySQL or MariaDB whose green follows blue.
type binlogPair struct {
	t  *testing.T
	l  *lab.MySQLPairLab
	db [2]*sql.DB
}

func newBinlogPair(t *testing.T, o lab.MySQLOptions) *binlogPair {
	t.Helper()
	p := &binlogPair{t: t, l: labtest.MySQLPair(t, o)}
	for i, m := range []*lab.MySQL{p.l.Blue, p.l.Green} {
		db, err := sql.Open("mysql", m.DSN(lab.MySQLRoot, lab.MySQLDatabase))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(2)
		p.db[i] = db
		t.Cleanup(func() { _ = db.Close() })
	}
	p.exec(0, "CREATE TABLE bare (a int, b varchar(9))", "CREATE TABLE parent (id int PRIMARY KEY)",
		"CREATE TABLE child (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE)",
		"INSERT INTO bare VALUES (1, 'x'), (1, 'x'), (2, NULL)", "INSERT INTO parent VALUES (1), (2), (3)", "INSERT INTO child VALUES (1, 1), (2, 1), (3, 2)")
	labtest.Follow(t, p.l, "")
	p.exec(0, "CREATE DATABASE tqctl", "CREATE TABLE tqctl.fence (token varchar(64) PRIMARY KEY)")
	return p
}

func (p *binlogPair) exec(side int, statements ...string) {
	p.t.Helper()
	for _, s := range statements {
		if _, err := p.db[side].ExecContext(p.t.Context(), s); err != nil {
			p.t.Fatalf("side %d: %s: %v", side, s, err)
		}
	}
}

// behind writes on green what no log tells.
func (p *binlogPair) behind(statement string) {
	p.t.Helper()
	c, err := p.db[1].Conn(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, s := range []string{"SET SESSION sql_log_bin = 0", statement, "SET SESSION sql_log_bin = 1"} {
		if _, err := c.ExecContext(p.t.Context(), s); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *binlogPair) request(ctx context.Context, side int) engines.OpenRequest {
	return engines.OpenRequest{Ctx: ctx, Target: []engines.TargetID{"blue", "green"}[side], DSN: []string{p.l.BlueDSN(), p.l.GreenDSN()}[side], Run: "r1", Person: "ann"}
}

func (p *binlogPair) options() compare.Options {
	open := func(i int) compare.Open {
		return func(ctx context.Context) (engines.Comparer, error) { return mysql.OpenComparer(p.request(ctx, i)) }
	}
	return compare.Options{Blue: open(0), Green: open(1), Digests: mysql.Digests, Now: time.Now, Settle: 20 * time.Second, DataOnly: true, Tables: []string{"shop.*"}, PartRows: 1000}
}

// follow follows both logs; read is set once any row is read for a comparison.
func (p *binlogPair) follow(keep string, say func(string), read *atomic.Bool) (*compare.Follower, error) {
	o := p.options()
	o.Progress = func(p tablediff.Progress) {
		if p.Rows > 0 {
			read.Store(true)
		}
	}
	log := func(i int) func(context.Context, []engines.TableDigest, string) (engines.Tracker, error) {
		return func(ctx context.Context, tables []engines.TableDigest, from string) (engines.Tracker, error) {
			return mysql.OpenTracker(p.request(ctx, i), engines.TrackRequest{From: from, Tables: tables, Receives: i == 1})
		}
	}
	w, _, err := compare.NewFollower(p.t.Context(), compare.Follow{Options: o, BlueLog: log(0), GreenLog: log(1), Say: say, Keep: keep})
	return w, err
}

// load changes accounts on blue until the returned function is called.
func (p *binlogPair) load() (stop func()) {
	ctx, cancel := context.WithCancel(p.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(4 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			id := 1 + rand.IntN(5000)
			text := fmt.Sprintf("UPDATE accounts SET balance = balance + 1 WHERE id = %d", id)
			switch i % 7 {
			case 1:
				text = fmt.Sprintf("INSERT IGNORE INTO accounts (id, balance) VALUES (%d, 1)", id+100000)
			case 2:
				text = fmt.Sprintf("DELETE FROM accounts WHERE id = %d", id+100000)
			}
			if _, err := p.db[0].ExecContext(context.WithoutCancel(ctx), text); err != nil {
				p.t.Errorf("load: %v", err)
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	p.t.Cleanup(stop)
	return stop
}

// fence does what the window does: a token on blue, which comes to green.
func (p *binlogPair) fence(token string) {
	p.t.Helper()
	p.exec(0, "INSERT INTO tqctl.fence VALUES ('"+token+"')")
	settled(p.t, "the token is on green", func() bool {
		var n int
		if err := p.db[1].QueryRowContext(p.t.Context(), "SELECT COUNT(*) FROM tqctl.fence WHERE token = '"+token+"'").Scan(&n); err != nil {
			p.t.Fatal(err)
		}
		return n > 0
	})
}

// settled waits until the follower says what is asked for.
func settled(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(30 * time.Second); !ok(); <-tick.C {
		if time.Now().After(over) {
			t.Fatal(what + ": not so after 30 s")
		}
	}
}

// laterLives take up what the one before them left: what differs is named again
// without reading everything, what is mended is not, and a log that was purged
// means that everything is read.
func (p *binlogPair) laterLives(keep string, h *heard, read *atomic.Bool) {
	p.t.Helper()
	read.Store(false)
	if _, err := p.follow(keep, h.say, read); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "shop.notes (7)") || read.Load() {
		p.t.Errorf("the next life: %v, read again: %v", err, read.Load())
	}
	p.exec(0, "UPDATE notes SET body = 'mended', tags = '[]' WHERE id = 7", "UPDATE accounts SET balance = 7 WHERE id = 7")
	w, err := p.follow(keep, h.say, read)
	if err != nil || read.Load() {
		p.t.Fatalf("the mended row: %v, read again: %v", err, read.Load())
	}
	p.fence("three")
	if proof, err := w.At(p.t.Context(), "three"); err != nil {
		p.t.Errorf("%+v, %v", proof, err)
	}
	w.Close()
	p.exec(0, "FLUSH BINARY LOGS")
	p.fence("four")
	c, err := p.options().Blue(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	at, err := c.Position(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	_ = c.Close()
	file, _, _ := strings.Cut(at, ":")
	settled(p.t, "the old logs may be purged", func() bool {
		var first string
		var more []any
		p.exec(0, "PURGE BINARY LOGS TO '"+file+"'")
		rows, err := p.db[0].QueryContext(p.t.Context(), "SHOW BINARY LOGS")
		if err != nil {
			p.t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		cols, err := rows.Columns()
		if err != nil || !rows.Next() {
			p.t.Fatal(err)
		}
		for range cols[1:] {
			more = append(more, new(any))
		}
		if err := rows.Scan(append([]any{&first}, more...)...); err != nil {
			p.t.Fatal(err)
		}
		return first == file
	})
	if w, err = p.follow(keep, h.say, read); err != nil || !read.Load() {
		p.t.Fatalf("a log that was purged: %v, read again: %v", err, read.Load())
	}
	w.Close()
	h.until(p.t, "every row is read")
}

// TestFollowingBinaryLogs compares and follows under load, by transaction ids and
// by position, proves at a token, and finds what was planted on green.
func TestFollowingBinaryLogs(t *testing.T) {
	for _, o := range []lab.MySQLOptions{{Flavor: lab.FlavorMySQL}, {Flavor: lab.FlavorMariaDB, NoGTID: true}} {
		t.Run(fmt.Sprintf("%s ids %v", o.Flavor, !o.NoGTID), func(t *testing.T) {
			p := newBinlogPair(t, o)
			h := &heard{bell: make(chan struct{}, 1)}
			stop := p.load()
			for range 3 {
				if r, err := compare.Run(t.Context(), p.options()); err != nil || r.Verdict != tablediff.Equal || !r.Replicated && r.Rows < 6000 {
					t.Fatalf("while rows change: %s %s, replicated %v, %d rows, %v", r.Verdict, r.Why, r.Replicated, r.Rows, err)
				}
			}
			keep, read := filepath.Join(t.TempDir(), "compared.json"), &atomic.Bool{}
			w, err := p.follow(keep, h.say, read)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			clean := func() bool { s := w.State(); return s.Dirty < 50 && s.VerifiedAt.After(time.Now().Add(-5*time.Second)) }
			settled(t, "under load changes are verified", clean)
			if why := w.State().Unfollowed["shop.child"]; (why != "") != (o.Flavor == lab.FlavorMariaDB) {
				t.Errorf("rows that a foreign key changes: %q", why)
			}
			stop()
			p.exec(0, "INSERT INTO bare VALUES (3, 'y')", "DELETE FROM parent WHERE id = 1", "UPDATE accounts SET id = 999999 WHERE id = 17", "TRUNCATE TABLE ledger", "INSERT INTO ledger (client, seq) VALUES (1, 1)")
			p.fence("one")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			proof, err := w.At(ctx, "one")
			if err != nil || proof.Rows < 6000 || !strings.Contains(strings.Join(proof.Wholes, " "), "shop.bare") {
				t.Fatalf("%+v, %v", proof, err)
			}
			if s := w.State(); s.Foreign != 0 || s.Lost != nil || len(s.Failing) != 0 {
				t.Errorf("a false alarm: %+v", s)
			}
			// A row that no log tells is found once blue touches it no more; a write on
			// green that did not come from blue is told at once.
			p.behind("UPDATE notes SET body = 'spoilt' WHERE id = 7")
			p.exec(1, "UPDATE notes SET tags = '[\"foreign\"]' WHERE id = 7")
			settled(t, "a row that differs is named", func() bool { s := w.State(); return s.Foreign == 1 && s.Doubts() > 0 })
			h.until(t, "shop.notes (7)")
			p.fence("two")
			if _, err := w.At(ctx, "two"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "shop.notes (7)") || strings.Contains(err.Error(), "spoilt") {
				t.Errorf("planted and not found: %v", err)
			}
			w.Close()
			p.laterLives(keep, h, read)
		})
	}
}
