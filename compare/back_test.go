package compare_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab"
)

// TestTheWayBackIsFollowed: what is written on green is followed like what was
// written on blue, under the right names, and the end of following the way there
// leaves it alone.
func TestTheWayBackIsFollowed(t *testing.T) {
	d, _ := newFollowed(t, 3000) // replication runs from side 0: that is green here
	slot := "back_" + d.db[0].Name
	d.slotsNamed(slot, slot)
	h := &heard{bell: make(chan struct{}, 1)}
	door, do := backDoor(t, postgres.Engine(), h, func(ctx context.Context, side int) engines.OpenRequest {
		return engines.OpenRequest{Ctx: ctx, DSN: d.db[side].DSN, Run: "r1", Person: "ann"}
	})
	d.exec(1, "CREATE TABLE alone (id int PRIMARY KEY)")
	order := engines.CompareOrder{Do: engines.CompareAll, From: "green", To: "blue", Back: true, Slot: slot, Publication: "tq_cmp", Pace: engines.ComparePace{Workers: 1}}
	if _, err := do(order); err == nil || !strings.Contains(err.Error(), "public.alone") || !strings.Contains(err.Error(), "missing on green") {
		t.Errorf("a table of blue alone: %v", err)
	}
	d.exec(1, "DROP TABLE alone")
	if _, err := do(order); err != nil {
		t.Fatal(err)
	}
	if !door.Back() {
		t.Error("it is taken for the way there")
	}
	if _, err := do(engines.CompareOrder{Do: engines.CompareEnd, Slot: "there"}); err != nil || !door.Back() {
		t.Errorf("the end of the way there: %v, still followed: %t", err, door.Back())
	}
	d.exec(1, "UPDATE far SET n = -5 WHERE n = 77")
	h.until(t, "written on blue and not through replication: public.far")
	d.fence("one")
	if _, err := do(engines.CompareOrder{Do: engines.CompareProve, Token: "one"}); err == nil || !strings.Contains(err.Error(), "public.far") {
		t.Errorf("a row that differs: %v", err)
	}
	d.exec(1, "UPDATE far SET n = 77 WHERE n = -5")
	d.exec(0, "UPDATE big SET note = 'green wrote' WHERE id < 300; DELETE FROM big WHERE id IN (600, 603); INSERT INTO far VALUES ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1)")
	d.fence("two")
	if res, err := do(engines.CompareOrder{Do: engines.CompareProve, Token: "two"}); err != nil || *res.Rows[0][0] != "equal" || !strings.HasPrefix(*res.Rows[0][7], "1 came and 2 went since 20") {
		t.Errorf("equal: %v %+v", err, res)
	}
	if _, err := do(engines.CompareOrder{Do: engines.CompareEnd, Slot: slot, Back: true}); err != nil {
		t.Error(err)
	}
	if _, ok := door.State(); ok {
		t.Error("something is followed after the end")
	}
}

// backDoor compares the other way on a pair that replicates from side 0 to side 1:
// the first is green.
func backDoor(t *testing.T, e engines.Engine, h *heard, side func(context.Context, int) engines.OpenRequest) (*compare.Door, func(engines.CompareOrder) (engines.Result, error)) {
	t.Helper()
	door, err := compare.OpenDoor(t.Context(), "green", compare.Sides{Blue: "blue", Green: "green", Engine: e, Now: time.Now, Keep: t.TempDir(),
		Say: func(_ bool, s string) { h.say(s) },
		Request: func(ctx context.Context, t engines.TargetID) engines.OpenRequest {
			r := side(ctx, map[engines.TargetID]int{"green": 0, "blue": 1}[t])
			r.Target = t
			return r
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = door.Close() })
	return door, func(o engines.CompareOrder) (engines.Result, error) {
		t.Helper()
		return door.Do(t.Context(), engines.Statement{Verb: engines.Compare, Text: o.Text()})
	}
}

// TestTheWayBackIsFollowedInBinaryLogs: there and back need no slot, and are two
// things all the same.
func TestTheWayBackIsFollowedInBinaryLogs(t *testing.T) {
	// A strict MariaDB's link does not survive a write on the side that receives.
	for _, o := range []lab.MySQLOptions{{Flavor: lab.FlavorMySQL}, {Flavor: lab.FlavorMariaDB, NoGTID: true}} {
		t.Run(o.Flavor, func(t *testing.T) {
			p := newBinlogPair(t, o)
			h := &heard{bell: make(chan struct{}, 1)}
			door, do := backDoor(t, mysql.Engine(), h, p.request)
			there := engines.CompareOrder{Do: engines.CompareAll, From: "blue", To: "green", Tables: []string{"shop.*"}, Pace: engines.ComparePace{Workers: 1}}
			back := there
			back.From, back.To, back.Back = "green", "blue", true
			if _, err := do(back); err != nil {
				t.Fatal(err)
			}
			if !door.Back() {
				t.Error("it is taken for the way there")
			}
			if _, err := do(engines.CompareOrder{Do: engines.CompareEnd}); err != nil || !door.Back() {
				t.Errorf("the end of the way there: %v, still followed: %t", err, door.Back())
			}
			if err := door.Again(t.Context(), there.Text()); err == nil {
				t.Error("the way there was ended, and is followed again")
			}
			p.exec(0, "UPDATE accounts SET balance = balance + 1 WHERE id < 300", "INSERT INTO bare VALUES (4, 'z')")
			p.fence("one")
			if res, err := do(engines.CompareOrder{Do: engines.CompareProve, Token: "one"}); err != nil || *res.Rows[0][0] != "equal" {
				t.Errorf("equal: %v %+v", err, res)
			}
			p.exec(1, "UPDATE notes SET body = 'spoilt' WHERE id = 7")
			h.until(t, "written on blue and not through replication: shop.notes")
			p.fence("two")
			if _, err := do(engines.CompareOrder{Do: engines.CompareProve, Token: "two"}); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "shop.notes (7)") {
				t.Errorf("a row that differs: %v", err)
			}
			if _, err := do(engines.CompareOrder{Do: engines.CompareEnd, Back: true}); err != nil {
				t.Error(err)
			}
			if _, ok := door.State(); ok {
				t.Error("something is followed after the end")
			}
		})
	}
}
