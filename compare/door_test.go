package compare_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
)

// TestThePaceOfARunningComparisonIsChanged: the comparison of a runbook stands
// still above its limit of load, can be looked at meanwhile, and goes on when the
// operator raises the limit.
func TestThePaceOfARunningComparisonIsChanged(t *testing.T) {
	_, door, order := heldDoor(t)
	if _, err := door.Pace("workers 4"); err == nil {
		t.Error("the pace of nothing was changed")
	}
	done := make(chan error, 1)
	go func() {
		res, err := door.Do(t.Context(), engines.Statement{Verb: engines.Compare, Text: order.Text()})
		if err == nil && (len(res.Rows) != 1 || *res.Rows[0][1] != "8000" || *res.Rows[0][4] != "nothing") {
			t.Errorf("it says %v", res)
		}
		done <- err
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for held := false; !held; {
		select {
		case err := <-done:
			t.Fatalf("it went on above its limit: %v", err)
		case <-tick.C:
			s, pace, ok := door.Look()
			held = ok && strings.Contains(s.Progress.Held, "active sessions") && len(s.List) == 2 && pace.Max == 2
			if held && (s.Read || s.Doubts() == 0) {
				t.Errorf("nothing was compared yet, and no doubt stands against it: %+v", s)
			}
		}
	}
	if p, err := door.Pace("max-active 0 workers 2"); err != nil || p.Workers != 2 || p.Max != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s, _, ok := door.Look(); !ok || !s.Read || s.Doubts() != 0 || s.Rows != 8000 || s.Verified == "" {
		t.Errorf("afterwards: %+v", s)
	}
}

// heldDoor is a door whose comparison of two tables stands still: the servers are
// above its limit of load.
func heldDoor(t *testing.T) (*duo, *compare.Door, engines.CompareOrder) {
	t.Helper()
	d, _ := newFollowed(t, 5000)
	slot := "door_" + d.db[0].Name
	d.slotsNamed(slot, slot)
	busy, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	for range 3 {
		conn, err := pgx.Connect(t.Context(), d.db[0].DSN)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = conn.Exec(busy, "SELECT pg_sleep(120)") // it is cut when the test ends
			_ = conn.Close(context.WithoutCancel(busy))
		}()
	}
	for n := 0; n < 3; {
		if err := d.do[0].QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(120)' AND state = 'active'").Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	door, err := compare.OpenDoor(t.Context(), "green", compare.Sides{Blue: "blue", Green: "green", Engine: postgres.Engine(), Now: time.Now, Keep: t.TempDir(), Say: func(bool, string) {},
		Request: func(ctx context.Context, side engines.TargetID) engines.OpenRequest {
			return engines.OpenRequest{Ctx: ctx, Target: side, DSN: d.db[map[engines.TargetID]int{"blue": 0, "green": 1}[side]].DSN, Run: "r1", Person: "ann"}
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = door.Close() })
	return d, door, engines.CompareOrder{Do: engines.CompareAll, From: "blue", To: "green", Tables: []string{"big", "bare"}, Slot: slot, Publication: "tq_cmp", Pace: engines.ComparePace{Workers: 1, Max: 2}}
}

// TestTheEndOfFollowingEndsWhatHasOnlyBegun: a comparison that is still at its
// first reading lets go of its slot, or nobody could drop it.
func TestTheEndOfFollowingEndsWhatHasOnlyBegun(t *testing.T) {
	d, door, order := heldDoor(t)
	again := make(chan error, 1)
	go func() { again <- door.Again(t.Context(), order.Text()) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for held := false; !held; <-tick.C {
		s, _, ok := door.Look()
		held = ok && strings.Contains(s.Progress.Held, "active sessions")
	}
	if _, err := door.Do(t.Context(), engines.Statement{Verb: engines.Compare, Text: engines.CompareOrder{Do: engines.CompareEnd}.Text()}); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-again:
		if err == nil {
			t.Error("the comparison that was ended says that all is equal")
		}
	default:
		t.Error("the end does not wait for what had begun")
	}
	if err := door.Again(t.Context(), order.Text()); err == nil {
		t.Error("a session that had not heard of the end began again")
	}
	if _, ok := door.State(); ok {
		t.Error("something is followed after the end")
	}
	for n := 1; n > 0; <-tick.C { // the server notices a closed line by itself
		if err := d.do[0].QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1 AND active", order.Slot).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if t.Context().Err() != nil {
			t.Fatal("the slot is still read")
		}
	}
}
