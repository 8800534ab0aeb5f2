package compare_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/compare"
)

// TestACommitThatWaitsForAStandbyIsNotOverlooked: the log tells it, and whoever reads
// the row sees it as it was, equal to the other side's.
func TestACommitThatWaitsForAStandbyIsNotOverlooked(t *testing.T) {
	d, o := newFollowed(t, 2000)
	w, err := d.follow(o, nil)
	if err != nil {
		t.Fatal(err)
	}
	settings := func(words ...string) {
		for _, s := range append(words, "SELECT pg_reload_conf()") {
			d.exec(1, s)
		}
	}
	settings("ALTER SYSTEM SET synchronous_commit = local", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
	defer settings("ALTER SYSTEM RESET synchronous_standby_names", "ALTER SYSTEM RESET synchronous_commit")
	conn, err := pgx.Connect(t.Context(), d.db[1].DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(t.Context(), "SET synchronous_commit = on; UPDATE far SET n = -5 WHERE n = 77", pgx.QueryExecModeSimpleProtocol)
		done <- err
	}()
	settled(t, "the log tells the commit", func() bool { return w.State().Foreign > 0 })
	told := w.State().VerifiedAt
	settled(t, "four seconds of looks", func() bool { return w.State().VerifiedAt.Sub(told).Seconds() > 4 })
	if s := w.State(); s.Dirty == 0 || s.Lost != nil {
		t.Errorf("nobody can have seen the rows as they will be: %+v", s)
	}
	d.exec(1, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") // it is committed here, and shown
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d.fence("one")
	if _, err := w.At(t.Context(), "one"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "1 rows: public.far") {
		t.Errorf("a row that was changed on green alone: %v", err)
	}
}
