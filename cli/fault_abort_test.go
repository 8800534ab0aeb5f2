package cli

import (
	"fmt"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// abortCut is a line that is lost in the abort plan of the window: around one
// request, or for a while.
type abortCut struct {
	on, request string
	where       enginetest.Where
	down        time.Duration
}

func (c abortCut) String() string {
	if c.down > 0 {
		return fmt.Sprintf("%s out of reach for %s", c.on, c.down)
	}
	return fmt.Sprintf("line to %s cut %s %s", c.on, places[c.where], c.request)
}

// TestAnAbortPlanOutlivesALostLine: a connection that dies while the window is
// taken back is opened again, before a statement arrives, while the server works
// and before its answer comes; the proof says what had happened, and clients go on
// against blue by themselves, within the outage budget.
func TestAnAbortPlanOutlivesALostLine(t *testing.T) {
	t.Parallel()
	place, lose := 0, func() {}
	w := newWiredWith(t, func(c *session.Config) {
		c.Fail = func(a int) bool {
			if a == place {
				lose() // from here on the abort plan runs
			}
			return a == place
		}
	})
	if err := w.walk(w.s, lab.WalkOptions{Until: "4.5"}); err != nil {
		t.Fatal(err)
	}
	// At the latest place that can be aborted every statement of the plan is due.
	card := w.s.Snapshot().Cards["5"]
	place = len(card.Statements) - 1
	for _, cut := range []abortCut{
		{on: "green", request: "NOLOGIN", where: enginetest.Before},
		{on: "green", request: "DO $tq$", where: enginetest.Mid},
		{on: "green", request: "pg_drop_replication_slot", where: enginetest.After},
		{on: "router", request: "RELOAD", where: enginetest.Before},
		{on: "blue", request: " LOGIN", where: enginetest.Before},
		{on: "blue", request: " LOGIN", where: enginetest.Mid},
		{on: "blue", request: " LOGIN", where: enginetest.After},
		{on: "blue", request: "SELECT rolcanlogin", where: enginetest.Before}, // the proof itself
		{on: "router", request: "RESUME", where: enginetest.Before},
		{on: "router", request: "RESUME", where: enginetest.After},
		{on: "green", down: time.Second},
		{on: "blue", down: time.Second},
		{on: "router", down: 2 * time.Second},
	} {
		before := w.cuts()
		lose = func() {
			if cut.down > 0 {
				w.wires[cut.on].Down()
				time.AfterFunc(cut.down, w.wires[cut.on].Up)
				return
			}
			w.wires[cut.on].Cut(cut.where, cut.request)
		}
		err := w.walk(w.s, lab.WalkOptions{Until: "5"})
		st := w.s.State()
		x := st.Step("5")
		if err == nil || x.Phase != steps.Undone || st.Freeze.On || st.Writes != "blue" {
			t.Fatalf("%s: %v: step is %s (%s), freeze %+v, writes on %q", cut, err, x.Phase, x.Why, st.Freeze, st.Writes)
		}
		if cut.down == 0 && w.cuts() == before {
			t.Errorf("%s: it was not", cut)
		}
		if st.Freeze.Elapsed < cut.down || st.Freeze.Elapsed > card.Budget {
			t.Errorf("%s: clients waited %s", cut, st.Freeze.Elapsed)
		}
		t.Logf("%s: clients waited %s", cut, st.Freeze.Elapsed.Round(time.Millisecond))
		w.flows(cut.String())
	}
	place = 0
	if err := w.walk(w.s, lab.WalkOptions{Until: "5"}); err != nil {
		t.Fatal(err)
	}
	w.compare(w.s)
	sound(t, w.s.Dir())
}
