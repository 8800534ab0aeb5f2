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

// standbyless makes commits of green wait for a standby that never comes, where a
// session asks for that.
func (d *duo) standbyless() (writes func(sql string) (shown <-chan error), shows func()) {
	d.t.Helper()
	settings := func(words ...string) {
		for _, s := range append(words, "SELECT pg_reload_conf()") {
			d.exec(1, s)
		}
	}
	settings("ALTER SYSTEM SET synchronous_commit = local", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	d.t.Cleanup(func() {
		conn, err := pgx.Connect(context.WithoutCancel(d.t.Context()), d.db[1].DSN)
		if err != nil {
			d.t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(d.t.Context())) }()
		for _, s := range []string{"ALTER SYSTEM RESET synchronous_standby_names", "ALTER SYSTEM RESET synchronous_commit", "SELECT pg_reload_conf()"} {
			if _, err := conn.Exec(context.WithoutCancel(d.t.Context()), s); err != nil {
				d.t.Error(err)
			}
		}
	})
	conn, err := pgx.Connect(d.t.Context(), d.db[1].DSN)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(d.t.Context())) })
	writes = func(sql string) <-chan error {
		done := make(chan error, 1)
		go func() {
			_, err := conn.Exec(d.t.Context(), "SET synchronous_commit = on; "+sql, pgx.QueryExecModeSimpleProtocol)
			done <- err
		}()
		return done
	}
	// It is committed there, and shown, when it waits no longer.
	return writes, func() {
		d.t.Helper()
		d.exec(1, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
	}
}

// TestACommitThatWaitsForAStandbyIsNotOverlooked: the log tells it, and whoever reads
// the row sees it as it was, equal to the other side's.
func TestACommitThatWaitsForAStandbyIsNotOverlooked(t *testing.T) {
	d, o := newFollowed(t, 2000)
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	writes, shows := d.standbyless()
	done := writes("UPDATE far SET n = -5 WHERE n = 77")
	settled(t, "the log tells the commit", func() bool { return w.State().Foreign > 0 })
	told := w.State().VerifiedAt
	settled(t, "four seconds of looks", func() bool { return w.State().VerifiedAt.Sub(told).Seconds() > 4 })
	if s := w.State(); s.Dirty == 0 || s.Lost != nil {
		t.Errorf("nobody can have seen the row as it will be: %+v", s)
	}
	shows()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d.fence("one")
	if _, err := w.At(t.Context(), "one"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "1 rows: public.far") {
		t.Errorf("a row that was changed on green alone: %v", err)
	}
}

// TestAProofWaitsForACommitThatIsNotShown: of a row that is not seen yet the counts of
// both logs are unlike, and the table is compared as a whole.
func TestAProofWaitsForACommitThatIsNotShown(t *testing.T) {
	d, o := newFollowed(t, 2000)
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	writes, shows := d.standbyless()
	done := writes("INSERT INTO far VALUES (gen_random_uuid(), -5)")
	settled(t, "the log tells the commit", func() bool { return w.State().Foreign > 0 })
	d.fence("one")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := w.At(ctx, "one"); err == nil || errors.Is(err, compare.ErrDiffers) {
		t.Errorf("nobody can have seen the row as it will be: %v", err)
	}
	shows()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := w.At(t.Context(), "one"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "1 rows: public.far") {
		t.Errorf("a row that came on green alone: %v", err)
	}
}
