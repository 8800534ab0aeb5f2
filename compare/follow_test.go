package compare_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
)

// follow follows both sides, without keeping anything.
func (d *duo) follow(o compare.Options, say func(string)) (*compare.Follower, error) {
	d.t.Helper()
	return d.followKept(o, "", say)
}

func (d *duo) followKept(o compare.Options, keep string, say func(string)) (*compare.Follower, error) {
	d.t.Helper()
	d.slots()
	return d.refollow(o, keep, say)
}

// refollow follows from slots that stand.
func (d *duo) refollow(o compare.Options, keep string, say func(string)) (*compare.Follower, error) {
	d.t.Helper()
	logs := d.logs()
	w, _, err := compare.NewFollower(d.t.Context(), compare.Follow{Options: o, BlueLog: logs[0], GreenLog: logs[1], Say: say, Keep: keep})
	if err == nil {
		d.t.Cleanup(w.Close)
	}
	return w, err
}

func (d *duo) logs() [2]func(context.Context, []engines.TableDigest, string) (engines.Tracker, error) {
	logs := [2]func(context.Context, []engines.TableDigest, string) (engines.Tracker, error){}
	for i := range 2 {
		logs[i] = func(ctx context.Context, tables []engines.TableDigest, from string) (engines.Tracker, error) {
			l, err := postgres.OpenTracker(engines.OpenRequest{Ctx: ctx, Target: []engines.TargetID{"blue", "green"}[i], DSN: d.db[i].DSN, Run: "r1", Person: "ann"},
				engines.TrackRequest{Slot: "cmp_" + d.db[i].Name, Publication: "tq_cmp", From: from, Tables: tables})
			return l, err
		}
	}
	return logs
}

// released waits until nobody reads the slot of side 0.
func (d *duo) released() {
	d.t.Helper()
	for n := 1; n > 0; {
		if err := d.do[0].QueryRow(d.t.Context(), "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1 AND active", "cmp_"+d.db[0].Name).Scan(&n); err != nil {
			d.t.Fatal(err)
		}
	}
}

// slots makes publications and slots of our own.
func (d *duo) slots() { d.t.Helper(); d.slotsNamed("cmp_"+d.db[0].Name, "cmp_"+d.db[1].Name) }

// publish makes the publications that a runbook makes, or names their tables anew.
func (d *duo) publish() {
	d.t.Helper()
	plan, err := postgres.Planner{}.Plan(engines.Request{Kind: "compare", Stage: "track", On: "green", From: "blue", To: "green",
		Known: map[engines.TargetID]engines.Identity{"blue": {Major: 15}, "green": {Major: 17}}})
	if err != nil {
		d.t.Fatal(err)
	}
	for i := range d.do {
		d.exec(i, plan.Actions[2*i].Text)
	}
}

func (d *duo) slotsNamed(names ...string) {
	d.t.Helper()
	d.publish()
	for i, slot := range names {
		d.exec(i, "SELECT pg_create_logical_replication_slot('"+slot+"', 'pgoutput')")
		d.t.Cleanup(func() {
			ctx := context.WithoutCancel(d.t.Context())
			conn, err := pgx.Connect(ctx, d.db[i].DSN)
			if err != nil {
				d.t.Error(err)
				return
			}
			defer func() { _ = conn.Close(ctx) }()
			if _, err := conn.Exec(ctx, `SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL`, slot); err != nil {
				d.t.Error(err)
			}
			if _, err := conn.Exec(ctx, "SELECT pg_drop_replication_slot($1) FROM pg_replication_slots WHERE slot_name = $1", slot); err != nil {
				d.t.Error(err)
			}
		})
	}
}

// fence does what the window does: a token on blue, and its acknowledgement on
// green once it is there.
func (d *duo) fence(token string) {
	d.t.Helper()
	d.exec(0, "INSERT INTO tq.fence VALUES ($1)", token)
	for n := 0; n == 0; {
		if err := d.do[1].QueryRow(d.t.Context(), "SELECT count(*) FROM tq.fence WHERE token = $1", token).Scan(&n); err != nil {
			d.t.Fatal(err)
		}
	}
	d.exec(1, "INSERT INTO tq.ack VALUES ($1)", token)
}

type heard struct {
	mu   sync.Mutex
	said []string
	bell chan struct{}
}

func (h *heard) say(s string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.said = append(h.said, s)
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

// until waits until something was said that holds the text.
func (h *heard) until(t *testing.T, text string) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		h.mu.Lock()
		all := strings.Join(h.said, "\n")
		h.mu.Unlock()
		if strings.Contains(all, text) {
			return
		}
		select {
		case <-h.bell:
		case <-limit.C:
			t.Fatalf("nobody said %q: %s", text, all)
		}
	}
}

func newFollowed(t testing.TB, rows int) (*duo, compare.Options) {
	t.Helper()
	d := newDuo(t)
	d.both("CREATE SCHEMA tq; CREATE TABLE tq.fence (token text PRIMARY KEY); CREATE TABLE tq.ack (token text PRIMARY KEY)")
	fill(d, rows)
	d.both("ALTER TABLE bare REPLICA IDENTITY FULL")
	d.link()
	o := d.options()
	o.DataOnly = true
	return d, o
}

// TestEverythingIsProvenAtTheFreeze follows two sides under load and proves them
// equal at a token.
func TestEverythingIsProvenAtTheFreeze(t *testing.T) {
	d, o := newFollowed(t, 50_000)
	stop := d.load(50_000, 300)
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.follow(o, h.say)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if n == 4 {
			d.exec(0, "UPDATE bare SET b = 'z' WHERE a < 20; DELETE FROM bare WHERE a = 21; UPDATE parts SET v = 'moved' WHERE id < 40; UPDATE pair SET no = no + 1000000 WHERE no < 30")
			stop()
		}
		token := fmt.Sprintf("tok.%d", n)
		d.fence(token)
		p, err := w.At(t.Context(), token)
		if n < 4 && errors.Is(err, compare.ErrDiffers) {
			continue // writes went on behind the token: only a freeze stops them
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("proof %d: %d rows, %d keys in the freeze, fences %s, took %s, wholes %v", n, p.Rows, p.Keys, p.Fences, p.Took, p.Wholes)
		if p.Rows < 50_000 || n == 4 && (p.Keys == 0 || len(p.Wholes) != 1) {
			t.Errorf("proof %+v", p)
		}
	}
	if s := w.State(); s.Foreign != 0 || s.Lost != nil || s.Dirty != 0 {
		t.Errorf("afterwards: %+v", s)
	}
}

// TestFaultsAreNamedLiveAndAtTheFreeze plants a change that is lost on the way
// and a write on green that did not come from blue.
func TestFaultsAreNamedLiveAndAtTheFreeze(t *testing.T) {
	d, o := newFollowed(t, 20_000)
	stop := d.load(20_000, 200)
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.follow(o, h.say)
	if err != nil {
		t.Fatal(err)
	}
	// A trigger on green swallows one change of blue: the log of green shows nothing.
	d.exec(1, `CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 30000 THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER s BEFORE UPDATE ON big FOR EACH ROW EXECUTE FUNCTION swallow(); ALTER TABLE big ENABLE ALWAYS TRIGGER s`)
	d.exec(0, "UPDATE big SET note = 'lost' WHERE id = 30000")
	h.until(t, "differs: public.big (30000)")
	d.exec(1, "UPDATE far SET n = -5 WHERE n = 77")
	h.until(t, "not through replication: public.far")
	stop()
	d.fence("end")
	_, err = w.At(t.Context(), "end")
	if !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "2 rows") || !strings.Contains(err.Error(), "public.big (30000)") || !strings.Contains(err.Error(), "public.far") {
		t.Errorf("at the freeze: %v", err)
	}
	// Repaired, it is equal.
	d.exec(1, "ALTER TABLE big DISABLE TRIGGER s; UPDATE big SET note = 'lost' WHERE id = 30000; UPDATE far SET n = 77 WHERE n = -5")
	d.fence("again")
	if _, err = w.At(t.Context(), "again"); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

// TestWhatTrackingCannotVouchFor is compared again, or refused with the reason.
func TestWhatTrackingCannotVouchFor(t *testing.T) {
	d, o := newFollowed(t, 5000)
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(0, "TRUNCATE pair; INSERT INTO pair VALUES ('a', 1, 'b')")
	d.fence("one")
	if p, err := w.At(t.Context(), "one"); err != nil {
		t.Errorf("a truncated table that is equal: %v %+v", err, p)
	}
	d.exec(1, "INSERT INTO bare VALUES (1, 'only here')")
	d.fence("two")
	if _, err := w.At(t.Context(), "two"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.bare") {
		t.Errorf("a table without a key: %v", err)
	}
	d.exec(1, "DELETE FROM bare WHERE b = 'only here'")
	d.both("ALTER TABLE far ADD COLUMN more int")
	d.fence("three")
	if _, err := w.At(t.Context(), "three"); err == nil || errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.far") {
		t.Errorf("other columns: %v", err)
	}
	d.both("ALTER TABLE far DROP COLUMN more; CREATE TABLE fresh (id int PRIMARY KEY)")
	d.fence("four")
	if _, err := w.At(t.Context(), "four"); err == nil {
		t.Error("a new table that nobody compared was vouched for")
	}
	d.both("DROP TABLE fresh")
	// The stream is cut: what is committed since nobody knows.
	d.exec(0, "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = 'cmp_"+d.db[0].Name+"'")
	d.fence("five")
	if _, err := w.At(t.Context(), "five"); err == nil || errors.Is(err, compare.ErrDiffers) {
		t.Errorf("tracking was lost, and yet: %v", err)
	}
}

// readAll says whether any part was read by a comparison.
func readAll(o *compare.Options) *atomic.Bool {
	read := &atomic.Bool{}
	o.Progress = func(p tablediff.Progress) {
		if p.Done > 0 {
			read.Store(true)
		}
	}
	return read
}

// TestFollowingGoesOnAfterACrash: what was verified is not read again, what
// changed while nobody followed is.
func TestFollowingGoesOnAfterACrash(t *testing.T) {
	d, o := newFollowed(t, 20_000)
	stop := d.load(20_000, 200)
	keep := filepath.Join(t.TempDir(), "compared.json")
	first := readAll(&o)
	w, err := d.followKept(o, keep, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, tables := w.Compared()
	w.Close() // the slots stay
	if !first.Load() || rows < 20_000 {
		t.Fatalf("the first life compared %d rows", rows)
	}
	d.exec(1, "UPDATE far SET n = -5 WHERE n = 77")
	d.exec(0, "UPDATE pair SET v = 'away' WHERE no < 20; DELETE FROM bare WHERE a = 5")
	stop()
	again := readAll(&o)
	if _, err = d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.far") {
		t.Fatalf("a write on green while nobody followed: %v", err)
	}
	if again.Load() {
		t.Error("everything was read again")
	}
	// It is named again, however often nobody follows for a while.
	if _, err = d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.far") {
		t.Fatalf("the next life: %v", err)
	}
	d.exec(1, "UPDATE far SET n = 77 WHERE n = -5")
	if w, err = d.refollow(o, keep, nil); err != nil {
		t.Fatal(err)
	}
	d.fence("one")
	if p, err := w.At(t.Context(), "one"); err != nil || p.Rows != rows || p.Tables != tables || again.Load() {
		t.Errorf("%v: %+v, %d rows in %d tables before, read again: %t", err, p, rows, tables, again.Load())
	}
	w.Close()
	// Somebody else reads the slot: what he took is not known.
	d.exec(0, "UPDATE far SET n = -9 WHERE n = 99")
	d.released()
	d.exec(0, "SELECT pg_replication_slot_advance('cmp_"+d.db[0].Name+"', pg_current_wal_insert_lsn())")
	h := &heard{bell: make(chan struct{}, 1)}
	if _, err = d.refollow(o, keep, h.say); err != nil {
		t.Fatal(err)
	}
	h.until(t, "every row is read")
	if !again.Load() {
		t.Error("a gap in the log, and nothing was read again")
	}
}

// TestADifferenceOutlivesTheProcess: a change that was lost on the way is not
// verified, so its log is not let go, and a later life names it too.
func TestADifferenceOutlivesTheProcess(t *testing.T) {
	d, o := newFollowed(t, 2000)
	keep := filepath.Join(t.TempDir(), "compared.json")
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.followKept(o, keep, h.say)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(1, `CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 300 THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER s BEFORE UPDATE ON big FOR EACH ROW EXECUTE FUNCTION swallow(); ALTER TABLE big ENABLE ALWAYS TRIGGER s`)
	d.exec(0, "UPDATE big SET note = 'lost' WHERE id = 300")
	h.until(t, "differs: public.big (300)")
	d.exec(0, "UPDATE big SET note = 'fine' WHERE id = 303")
	w.Close()
	for range 2 {
		if _, err := d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.big (300)") || strings.Contains(err.Error(), "303") {
			t.Errorf("a later life: %v", err)
		}
	}
}

// TestAComparisonThatWasCutGoesOn reads only the parts that were not read.
func TestAComparisonThatWasCutGoesOn(t *testing.T) {
	d, o := newFollowed(t, 60_000)
	stop := d.load(60_000, 200)
	o.PartRows = 2000
	keep := filepath.Join(t.TempDir(), "compared.json")
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p tablediff.Progress) {
		if p.Done >= 15 {
			cancel()
		}
	}
	d.slots()
	logs := d.logs()
	_, r, err := compare.NewFollower(ctx, compare.Follow{Options: o, BlueLog: logs[0], GreenLog: logs[1], Keep: keep})
	if err == nil {
		t.Fatal("it was not cut")
	}
	stop()                                                               // a row that is written again is whole again
	d.exec(1, "UPDATE big SET note = 'spoilt' WHERE id IN (300, 60000)") // 3 may still be on its way
	old := ""
	o.Progress = nil
	_, r, err = compare.NewFollower(t.Context(), compare.Follow{Options: o, BlueLog: logs[0], GreenLog: logs[1], Keep: keep})
	for _, n := range r.Notes {
		old += n.Object + " " + n.Why
	}
	if !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.big (300)") || !strings.Contains(err.Error(), "public.big (60000)") {
		t.Errorf("rows that were spoilt in between: %v", err)
	}
	if !strings.Contains(old, "were read by an earlier run") {
		t.Errorf("nothing was taken over: %s", old)
	}
}
