package compare_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
)

// busy keeps sessions at work on side 0 until the returned function is called.
func (d *duo) busy(n int) (stop func()) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan struct{}, n)
	for range n {
		conn, err := pgx.Connect(ctx, d.db[0].DSN)
		if err != nil {
			d.t.Fatal(err)
		}
		go func() {
			_, _ = conn.Exec(ctx, "SELECT pg_sleep(600)") // ended by the test
			_ = conn.Close(context.WithoutCancel(ctx))
			done <- struct{}{}
		}()
	}
	return func() {
		cancel()
		for range n {
			<-done
		}
	}
}

// TestFollowingGivesWay: while a server suffers nothing is read or verified, a
// proof does not wait for that, and afterwards following goes on where it was.
func TestFollowingGivesWay(t *testing.T) {
	d, o := newFollowed(t, 2000)
	o.Limits = func() tablediff.Limits { return tablediff.Limits{Workers: 2, Max: 2} }
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.follow(o, h.say)
	if err != nil {
		t.Fatal(err)
	}
	stop := d.busy(4)
	h.until(t, "following gives way: blue has 4 active sessions, at most 2")
	if s := w.State(); s.Progress.Held == "" {
		t.Error("the screen is not told")
	}
	// The stream is left with what was on its way at most.
	d.exec(0, "UPDATE big SET note = 'one' WHERE id = 3")
	d.exec(0, "UPDATE big SET note = 'two' WHERE id BETWEEN 6 AND 600")
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for s := w.State(); s.Doubts() == 0; s = w.State() { // the gate closes: the log is read late
		if s.Dirty > 1 {
			t.Fatalf("%d rows were read from the log of a server that suffers", s.Dirty)
		}
		<-ticker.C
	}
	if s := w.State(); s.Dirty > 1 || s.Lost != nil || s.Behind < 3*time.Second {
		t.Errorf("%+v", s)
	}
	d.fence("in between")
	if p, err := w.At(t.Context(), "in between"); err != nil || p.Keys < 190 {
		t.Errorf("a proof while following gives way: %v, %d keys", err, p.Keys)
	}
	// What green lost is in blue's log alone, and that is what nobody reads now.
	d.exec(1, `CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 300 THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER s BEFORE UPDATE ON big FOR EACH ROW EXECUTE FUNCTION swallow(); ALTER TABLE big ENABLE ALWAYS TRIGGER s`)
	d.exec(0, "UPDATE big SET n = n + 1 WHERE id > 600")
	d.exec(0, "UPDATE big SET note = 'lost' WHERE id = 300")
	d.fence("lost")
	if _, err := w.At(t.Context(), "lost"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.big (300)") {
		t.Errorf("a change that green lost: %v", err)
	}
	d.exec(1, "DROP TRIGGER s ON big")
	d.exec(0, "UPDATE big SET note = 'three' WHERE id BETWEEN 6 AND 600")
	stop()
	for s := w.State(); s.Progress.Held != "" || s.Dirty > 0 || s.Behind > 0; s = w.State() {
		if s.Lost != nil {
			t.Fatal(s.Lost)
		}
		<-ticker.C
	}
}
