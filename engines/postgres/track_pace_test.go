package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// pacedTable is a table, a publication and a slot of a database of the test's own.
func pacedTable(t *testing.T) (dsn string, root *pgx.Conn, open func(from string) *postgres.Tracker) {
	t.Helper()
	db := labtest.Postgres(t, 15)
	root, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close(context.WithoutCancel(t.Context())) })
	slot := "paced_" + db.Name
	for _, s := range []string{"CREATE TABLE told (id bigint PRIMARY KEY)", "CREATE PUBLICATION paced FOR TABLE told",
		"SELECT pg_create_logical_replication_slot('" + slot + "', 'pgoutput')"} {
		if _, err := root.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // a slot outlives its test's database otherwise
		ctx := context.WithoutCancel(t.Context())
		for n := 1; n > 0; {
			if err := root.QueryRow(ctx, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1 AND active", slot).Scan(&n); err != nil {
				t.Error(err)
				return
			}
		}
		if _, err := root.Exec(ctx, "SELECT pg_drop_replication_slot($1)", slot); err != nil {
			t.Error(err)
		}
	})
	digest := engines.TableDigest{Schema: "public", Name: "told", Key: []string{"id"}, Tracked: true}
	return db.DSN, root, func(from string) *postgres.Tracker {
		t.Helper()
		k, err := postgres.OpenTracker(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: db.DSN, Run: "r1", Person: "ann"},
			engines.TrackRequest{Slot: slot, Publication: "paced", From: from, Tables: []engines.TableDigest{digest}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = k.Close() })
		return k
	}
}

// TestChangesAreToldOnceAtAnyPace: between the stream and batches nothing is lost or
// told again, whenever one gives way to the other.
func TestChangesAreToldOnceAtAnyPace(t *testing.T) {
	defer postgres.SetLateAfter(20 * time.Millisecond)()
	const writers, each = 4, 600
	dsn, _, open := pacedTable(t)
	k := open("")
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			conn, err := pgx.Connect(t.Context(), dsn)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(t.Context()) }()
			for i := range each {
				if _, err := conn.Exec(t.Context(), "INSERT INTO told VALUES ($1)", n*each+i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	t.Cleanup(wg.Wait)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	told, at, turns := map[string]int{}, uint64(0), 0
	for len(told) < writers*each {
		if n := len(told) / 100; n > turns {
			turns = n
			k.Pace([]time.Duration{0, 30 * time.Millisecond, 0, time.Millisecond}[n%4])
		}
		tx, err := k.Next(ctx)
		if err != nil {
			t.Fatalf("after %d rows: %v", len(told), err)
		}
		if tx.Position < at {
			t.Fatalf("the place went back from %d to %d", at, tx.Position)
		}
		at = tx.Position
		for _, r := range tx.Rows {
			if told[r.Key[0]]++; told[r.Key[0]] > 1 {
				t.Fatalf("row %s was told twice", r.Key[0])
			}
		}
		if len(told)%500 == 0 {
			k.Confirm(at)
		}
	}
	for i := range writers * each {
		if told[strconv.Itoa(i)] != 1 {
			t.Fatalf("row %d was not told", i)
		}
	}
}

// TestWhatIsToldAgainEachTimeIsStreamed: a slot that is not told to let go would tell a
// day of changes again with each batch, and never come to what is new.
func TestWhatIsToldAgainEachTimeIsStreamed(t *testing.T) {
	defer postgres.SetBatchRows(1000)()
	_, root, open := pacedTable(t)
	k := open("")
	k.Pace(time.Minute)
	write := func(from, to int) time.Duration {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := root.Exec(t.Context(), "INSERT INTO told VALUES ($1)", i); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for last := ""; last != strconv.Itoa(to-1); {
			tx, err := k.Next(ctx)
			if err != nil {
				t.Fatalf("up to row %q of %d: %v", last, to, err)
			}
			if len(tx.Rows) > 0 {
				last = tx.Rows[0].Key[0]
			}
		}
		return time.Since(began)
	}
	write(0, 600)
	if took := write(600, 601); took > 10*time.Second {
		t.Errorf("the next change was told after %s: by a batch", took)
	}
}

// telling reads on until a row is told, and says whether it came by a stream.
func telling(t *testing.T, root *pgx.Conn, k *postgres.Tracker) (write func(id int), streamed func(id int) bool) {
	t.Helper()
	write = func(id int) {
		t.Helper()
		if _, err := root.Exec(t.Context(), "INSERT INTO told VALUES ($1)", id); err != nil {
			t.Fatal(err)
		}
	}
	return write, func(id int) (is bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for last := ""; last != strconv.Itoa(id); {
			tx, err := k.Next(ctx)
			if err != nil {
				t.Fatalf("row %d: %v", id, err)
			}
			if len(tx.Rows) > 0 {
				last = tx.Rows[0].Key[0]
			}
		}
		if err := root.QueryRow(ctx, "SELECT count(*) > 0 FROM pg_stat_replication JOIN pg_replication_slots ON pid = active_pid WHERE database = current_database()").Scan(&is); err != nil {
			t.Fatal(err)
		}
		return is
	}
}

// TestWhatIsUnreadComesInABatchBeforeTheStream: a log that was not read for a while is
// asked for once more when each change is wanted at once, and then streamed.
func TestWhatIsUnreadComesInABatchBeforeTheStream(t *testing.T) {
	defer postgres.SetLateAfter(time.Millisecond)()
	_, root, open := pacedTable(t)
	k := open("")
	write, streamed := telling(t, root, k)
	for round := range 2 { // a stream is left for batches, and comes again
		first := 3 * round
		k.Pace(50 * time.Millisecond)
		write(first)
		if streamed(first) {
			t.Fatal("it was streamed, not asked for")
		}
		k.Pace(time.Hour)
		write(first + 1)
		k.Pace(0)
		if streamed(first + 1) {
			t.Error("what was unread was streamed")
		}
		write(first + 2)
		if !streamed(first + 2) {
			t.Error("what comes now is not streamed")
		}
	}
}

// TestTheSessionOfBatchesMayBeIdle: while the log is streamed nobody asks it anything,
// and a server may end sessions that are idle.
func TestTheSessionOfBatchesMayBeIdle(t *testing.T) {
	dsn, root, open := pacedTable(t)
	if _, err := root.Exec(t.Context(), "ALTER DATABASE "+root.Config().Database+" SET idle_session_timeout = '200ms'"); err != nil {
		t.Fatal(err)
	}
	k := open("")
	write, streamed := telling(t, root, k)
	k.Pace(50 * time.Millisecond)
	write(1)
	if streamed(1) {
		t.Fatal("it was streamed, not asked for")
	}
	k.Pace(0)
	write(2)
	streamed(2)
	other, err := pgx.Connect(t.Context(), dsn) // idle from later on than the session of batches
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(t.Context())) }()
	for open := true; open; {
		if err := root.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1::int)", other.PgConn().PID()).Scan(&open); err != nil {
			t.Fatal(err)
		}
	}
	k.Pace(50 * time.Millisecond)
	write(3)
	if streamed(3) {
		t.Error("it was streamed, not asked for")
	}
}

// TestWhatIsNotVerifiedYetIsStreamed: a batch would tell all of it again; who comes back
// after an hour has an hour of it.
func TestWhatIsNotVerifiedYetIsStreamed(t *testing.T) {
	defer postgres.SetMostAgain(0)()
	_, root, open := pacedTable(t)
	k := open("")
	write, streamed := telling(t, root, k)
	write(1)
	if !streamed(1) {
		t.Fatal("a log that is not busy is not streamed")
	}
	k.Pace(50 * time.Millisecond)
	write(2)
	if !streamed(2) {
		t.Error("a batch told again what was not verified")
	}
	var at string
	if err := root.QueryRow(t.Context(), "SELECT pg_current_wal_flush_lsn()::text").Scan(&at); err != nil {
		t.Fatal(err)
	}
	done, err := k.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	k.Confirm(done)
	write(3)
	streamed(3) // it may have been on its way
	write(4)
	if streamed(4) {
		t.Error("everything is verified, and it is still streamed")
	}
}

// TestBatchesOfAVeryBusyLogAreCloserTogether: each is half of what an answer holds, and
// the server keeps no more than so much log for it. A moment of log behind a stream does
// not undo what is known.
func TestBatchesOfAVeryBusyLogAreCloserTogether(t *testing.T) {
	const minute = time.Minute
	busy := postgres.Answer{While: minute, Messages: 2_400_000}
	for _, c := range []struct {
		name    string
		answers []postgres.Answer
		want    time.Duration
	}{
		{"nothing known", nil, minute},
		{"what an answer holds", []postgres.Answer{{While: minute, Messages: 960_000, Bytes: 1 << 29}}, minute},
		{"many messages", []postgres.Answer{busy}, 25 * time.Second},
		{"much log", []postgres.Answer{{While: 32 * time.Second, Messages: 9, Bytes: 1 << 30}}, 32 * time.Second},
		{"a moment since", []postgres.Answer{busy, {While: 100 * time.Millisecond, Messages: 9}}, 25 * time.Second},
		{"calm since", []postgres.Answer{busy, {While: 25 * time.Second, Messages: 9}}, minute},
		{"cut at once", []postgres.Answer{{While: 100 * time.Millisecond, Messages: 50_000, Cut: true}}, 20 * time.Second},
		{"much that waited long", []postgres.Answer{{While: 10 * minute, Messages: 2_400_000}}, minute},
	} {
		if got := postgres.Asked(minute, c.answers...); got != c.want {
			t.Errorf("%s: %s apart, not %s", c.name, got, c.want)
		}
	}
}

// TestABatchThatOthersReadIsAGap: between two batches nobody holds the slot.
func TestABatchThatOthersReadIsAGap(t *testing.T) {
	_, root, open := pacedTable(t)
	k := open("")
	next := func(id int) error {
		t.Helper()
		if _, err := root.Exec(t.Context(), "INSERT INTO told VALUES ($1)", id); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			tx, err := k.Next(ctx)
			if err != nil || len(tx.Rows) > 0 && tx.Rows[0].Key[0] == fmt.Sprint(id) {
				return err
			}
		}
	}
	k.Pace(50 * time.Millisecond)
	for i := range 3 {
		if err := next(i); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := root.Exec(t.Context(), "INSERT INTO told VALUES (100)"); err != nil {
		t.Fatal(err)
	}
	if _, err := root.Exec(t.Context(), "SELECT count(*) FROM pg_logical_slot_get_binary_changes((SELECT slot_name FROM pg_replication_slots WHERE database = current_database()), NULL, NULL, 'proto_version', '1', 'publication_names', 'paced')"); err != nil {
		t.Fatal(err)
	}
	if err := next(101); !errors.Is(err, engines.ErrGap) {
		t.Errorf("changes that somebody else took: %v", err)
	}
}

// TestAStreamMayBeClosedAtOnce: who waits for a change that nobody needs any more may
// still be told so when the stream is gone.
func TestAStreamMayBeClosedAtOnce(t *testing.T) {
	_, _, open := pacedTable(t)
	for range 20 {
		k := open("")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that was ended: %v", err)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestAServerWithoutRoomForAnAnswerIsStreamed: an answer lies in a file of the server
// where it is large, and a limit on such files ends it.
func TestAServerWithoutRoomForAnAnswerIsStreamed(t *testing.T) {
	dsn, root, open := pacedTable(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"temp_file_limit = '64kB'", "work_mem = '64kB'"} {
		if _, err := root.Exec(t.Context(), "ALTER DATABASE "+u.Path[1:]+" SET "+s); err != nil {
			t.Fatal(err)
		}
	}
	k := open("")
	k.Pace(50 * time.Millisecond)
	const many = 20_000
	if _, err := root.Exec(t.Context(), "INSERT INTO told SELECT generate_series(1, $1::int)", many); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for told := 0; told < many; {
		tx, err := k.Next(ctx)
		if err != nil {
			t.Fatalf("after %d rows: %v", told, err)
		}
		told += len(tx.Rows)
	}
}
