package compare_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/compare"
)

// commits keeps one session of side 0 committing, far more often than a quiet log has
// it, until the returned function is called.
func (d *duo) commits() (stop func()) {
	d.t.Helper()
	d.exec(0, `CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN LOOP
  FOR i IN 1..20 LOOP UPDATE big SET n = n + 1 WHERE id = 3 * (1 + (random() * 600)::int); COMMIT; END LOOP;
  PERFORM pg_sleep(0.01); COMMIT; END LOOP; END $$`)
	conn, err := pgx.Connect(d.t.Context(), d.db[0].DSN)
	if err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(d.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = conn.Exec(ctx, "CALL commits()") // ended by the test
		_ = conn.Close(context.WithoutCancel(ctx))
	}()
	stop = func() { cancel(); <-done }
	d.t.Cleanup(stop)
	return stop
}

// TestABusyLogIsReadInBatches: far apart as long as no proof is near, which is no
// doubt; at once for a proof, which finds what the last batch did not tell.
func TestABusyLogIsReadInBatches(t *testing.T) {
	d, o := newFollowed(t, 2000)
	h := &heard{bell: make(chan struct{}, 1)}
	w, err := d.follow(o, h.say)
	if err != nil {
		t.Fatal(err)
	}
	stop := d.commits()
	is := func(what string, ok func(compare.State) bool) {
		t.Helper()
		settled(t, what, func() bool {
			s := w.State()
			if s.Lost != nil || len(s.Failing) > 0 {
				t.Fatalf("%s: %+v", what, s)
			}
			return ok(s)
		})
	}
	is("read in batches", func(s compare.State) bool { return s.Every > 0 })
	is("read late", func(s compare.State) bool { return s.Behind > 4*time.Second })
	if s := w.State(); s.Doubts() > 0 {
		t.Errorf("%d doubts: the gate is closed for as long as blue is busy", s.Doubts())
	}
	w.Near(true)
	is("read at once while a proof is near", func(s compare.State) bool { return s.Every == 0 && s.Behind < time.Second })
	w.Near(false)
	is("read in batches again", func(s compare.State) bool { return s.Every > 0 && s.Behind > 2*time.Second })
	stop()
	d.fence("equal")
	began := time.Now()
	p, err := w.At(t.Context(), "equal")
	if err != nil || p.Keys == 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the proof waited %s: for the next batch?", took)
	}
	d.exec(1, "UPDATE big SET note = 'spoilt' WHERE id = 300")
	d.fence("differs")
	if _, err := w.At(t.Context(), "differs"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.big (300)") {
		t.Errorf("a row that differs: %v", err)
	}
}
