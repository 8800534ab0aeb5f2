package compare_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/compare"
)

// TestRowsThatNoLogTellsOf: a partition that is dropped takes its rows with it, and
// a table that is rewritten has other rows. No stream of changes says so.
func TestRowsThatNoLogTellsOf(t *testing.T) {
	d, o := newFollowed(t, 2000)
	keep := filepath.Join(t.TempDir(), "compared.json")
	w, err := d.followKept(o, keep, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(1, "DROP TABLE p1; CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
	d.fence("off")
	if p, err := w.At(t.Context(), "off"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "2000 rows: public.parts") || !slices.Contains(p.Wholes, "public.parts") {
		t.Errorf("a partition was dropped: %v, compared as a whole: %v", err, p.Wholes)
	}
	d.exec(1, "INSERT INTO parts SELECT g, date '2026-01-01' + g % 365, 'v' FROM generate_series(1, 2000) g")
	d.fence("on")
	if p, err := w.At(t.Context(), "on"); err != nil || len(p.Wholes) > 0 { // what differs is known by key since
		t.Errorf("and filled again: %v, compared as a whole: %v", err, p.Wholes)
	}
	d.exec(1, "ALTER TABLE far ALTER COLUMN n TYPE int USING n + (n = 77)::int")
	w.Close()
	if _, err = d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.far") {
		t.Errorf("a table was rewritten, and the next life says: %v", err)
	}
}

// TestATableWithoutAKeyEndsTheFirstComparison: one that differs at rest is named,
// and one that is written all the time does not hold it up for ever.
func TestATableWithoutAKeyEndsTheFirstComparison(t *testing.T) {
	d, o := newFollowed(t, 2000)
	o.Tables = []string{"bare", "far"}
	d.exec(1, "DELETE FROM bare WHERE a = 7")
	d.slots()
	if _, err := d.refollow(o, "", nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.bare") {
		t.Fatalf("a row without a name was lost: %v", err)
	}
	d.exec(1, "INSERT INTO bare VALUES (7, 'x')")
	d.released()
	conn, err := pgx.Connect(t.Context(), d.db[0].DSN)
	if err != nil {
		t.Fatal(err)
	}
	over, done := make(chan struct{}), make(chan error, 1)
	go func() {
		defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
		for {
			if _, err := conn.Exec(t.Context(), "INSERT INTO bare SELECT g, 'y' FROM generate_series(1, 20) g"); err != nil {
				done <- err
				return
			}
			select {
			case <-over:
				done <- nil
				return
			default:
			}
		}
	}()
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.refollow(o, "", h.say)
	close(over)
	if werr := <-done; err != nil || werr != nil {
		t.Fatal(err, werr)
	}
	h.until(t, "compared as a whole in the freeze: public.bare")
	d.fence("rest")
	if p, err := w.At(t.Context(), "rest"); err != nil || !slices.Contains(p.Wholes, "public.bare") {
		t.Errorf("%v, compared as a whole: %v", err, p.Wholes)
	}
}

// TestATableOutsideTheLogIsReadAgainAtTheFreeze: no log says that an unlogged
// table changed after it was seen equal.
func TestATableOutsideTheLogIsReadAgainAtTheFreeze(t *testing.T) {
	d, o := newFollowed(t, 2000)
	d.both("CREATE UNLOGGED TABLE cache (id int PRIMARY KEY, v text); INSERT INTO cache SELECT g, 'v' FROM generate_series(1, 500) g; CREATE UNLOGGED TABLE bag (v text)")
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.fence("one")
	if p, err := w.At(t.Context(), "one"); err != nil || !slices.Contains(p.Wholes, "public.cache") {
		t.Errorf("equal: %v, compared as a whole: %v", err, p.Wholes)
	}
	d.exec(0, "UPDATE cache SET v = 'w' WHERE id = 7")
	d.fence("two")
	if _, err := w.At(t.Context(), "two"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.cache (7)") {
		t.Errorf("a change that no log holds was vouched for: %v", err)
	}
	d.exec(0, "UPDATE cache SET v = 'v' WHERE id = 7; INSERT INTO bag VALUES ('x')")
	d.fence("three")
	if _, err := w.At(t.Context(), "three"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.bag") {
		t.Errorf("a row without a key that no log holds was vouched for: %v", err)
	}
}

// TestATableThatCameLaterIsFollowed: the publication names the tables that there were;
// of another one no log would say anything.
func TestATableThatCameLaterIsFollowed(t *testing.T) {
	d, o := newFollowed(t, 2000)
	keep := filepath.Join(t.TempDir(), "compared.json")
	w, err := d.followKept(o, keep, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.both("CREATE TABLE later (id int PRIMARY KEY)")
	w.Close()
	if _, err := d.refollow(o, keep, nil); err == nil || errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.later") || !strings.Contains(err.Error(), "names the tables anew") {
		t.Fatalf("nobody would hear of its changes: %v", err)
	}
	d.publish()
	if w, err = d.refollow(o, keep, nil); err != nil {
		t.Fatal(err)
	}
	d.exec(0, "INSERT INTO later VALUES (1)") // the subscription does not know the table
	d.fence("one")
	if _, err := w.At(t.Context(), "one"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.later (1)") {
		t.Errorf("a row that never came: %v", err)
	}
}

// TestATableIsReadWhenItsOldWritersAreGone: what a transaction wrote before a
// publication named the table is not in the stream, whenever it commits.
func TestATableIsReadWhenItsOldWritersAreGone(t *testing.T) {
	d, o := newFollowed(t, 2000)
	d.slots()
	d.both("CREATE TABLE later (id int PRIMARY KEY)")
	old, err := pgx.Connect(t.Context(), d.db[0].DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close(context.WithoutCancel(t.Context())) }()
	tx, err := old.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "INSERT INTO later VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	d.publish()
	began := make(chan error, 1)
	go func() {
		_, err := d.refollow(o, "", nil)
		began <- err
	}()
	settled(t, "somebody waits for the old writer", func() bool {
		n := 0
		if err := d.do[0].QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_publication_rel%' AND pid <> pg_backend_pid()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-began:
			t.Fatalf("the tables were read, and the row was not there yet: %v", err)
		default:
		}
		return n > 0
	})
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-began; !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.later (1)") {
		t.Errorf("a row that never came: %v", err)
	}
}

// TestMoreRowsThanOneLookTakes are verified all the same, and what differs is named.
func TestMoreRowsThanOneLookTakes(t *testing.T) {
	defer compare.SetMostDue(100)()
	d, o := newFollowed(t, 2000)
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(0, "UPDATE big SET note = 'many' WHERE id % 3 = 0")
	d.fence("one")
	if p, err := w.At(t.Context(), "one"); err != nil || p.Keys < 300 {
		t.Errorf("%d keys: %v", p.Keys, err)
	}
	d.exec(0, "UPDATE big SET note = 'more' WHERE id % 3 = 0")
	d.fence("applied")
	d.exec(1, "UPDATE big SET note = 'spoilt' WHERE id = 300")
	d.fence("two")
	if _, err := w.At(t.Context(), "two"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "1 rows: public.big (300)") {
		t.Errorf("one row differs: %v", err)
	}
}

// TestALogThatKeepsSomethingBack: a row that went on both sides, and one log does not
// tell of it. No key shows that; the table is compared as a whole.
func TestALogThatKeepsSomethingBack(t *testing.T) {
	d, o := newFollowed(t, 2000)
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(1, "ALTER PUBLICATION tq_cmp SET (publish = 'insert, update, truncate')")
	d.exec(0, "DELETE FROM big WHERE id = 300")
	d.fence("one")
	if p, err := w.At(t.Context(), "one"); err != nil || !slices.Equal(p.Wholes, []string{"public.big"}) || !p.Since.IsZero() {
		t.Errorf("%v: compared as a whole %v, counted since %s", err, p.Wholes, p.Since)
	}
}

// TestATableThatIsComparedAsAWholeHoldsNoLog: a table without a key that is never at
// rest, or differs, is compared as a whole by a later life too; no server keeps its log
// for that until then.
func TestATableThatIsComparedAsAWholeHoldsNoLog(t *testing.T) {
	d, o := newFollowed(t, 2000)
	keep := filepath.Join(t.TempDir(), "compared.json")
	w, err := d.followKept(o, keep, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(1, "INSERT INTO bare VALUES (1, 'only here')")
	lsn := ""
	if err := d.do[1].QueryRow(t.Context(), "SELECT pg_logical_emit_message(true, 'turquoise', 'later')::text").Scan(&lsn); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for held := true; held; {
		// The server's own word for what it keeps; it is asked until it lets go.
		if err := d.do[1].QueryRow(ctx, "SELECT confirmed_flush_lsn < $2::text::pg_lsn, pg_sleep(0.1) FROM pg_replication_slots WHERE slot_name = $1", "cmp_"+d.db[1].Name, lsn).Scan(&held, nil); err != nil {
			t.Fatalf("green keeps its log: %v", err)
		}
	}
	w.Close()
	for range 2 {
		if _, err := d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.bare") {
			t.Errorf("the log was let go, and a later life says: %v", err)
		}
	}
}

// TestRowsThatNoLogNamesOutliveTheProcess: rows that were found by comparing a table
// as a whole are in no log.
func TestRowsThatNoLogNamesOutliveTheProcess(t *testing.T) {
	d, o := newFollowed(t, 2000)
	keep := filepath.Join(t.TempDir(), "compared.json")
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.followKept(o, keep, h.say)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(1, "ALTER TABLE far ALTER COLUMN n TYPE int USING n + (n = 77)::int * 100000")
	h.until(t, "differs: public.far (")
	w.Close()
	for range 2 {
		if _, err := d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.far (") {
			t.Errorf("a later life: %v", err)
		}
	}
}
