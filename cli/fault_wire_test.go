package cli

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// wired is a night whose cockpit reaches each server through a wire that loses
// what it is told to lose. Clients, replication and the pooler use none.
type wired struct {
	*night
	s     *session.Session
	wires map[string]*enginetest.Wire
}

func newWired(t *testing.T) wired { return newWiredWith(t, nil) }

func newWiredWith(t *testing.T, change func(*session.Config), params ...string) wired {
	t.Helper()
	n := newNight(t)
	n.cut.params = append(n.cut.params, params...)
	src, err := readBook(n.cut.book)
	if err != nil {
		t.Fatal(err)
	}
	// The pooler knows the servers by their own ports, the cockpit by its wires.
	ports := fmt.Sprintf("params:\n  router_blue_port: {type: text, default: \"%d\"}\n  router_green_port: {type: text, default: \"%d\"}\n", n.pair.Blue.Port, n.pair.Green.Port)
	book := filepath.Join(t.TempDir(), "wired.yaml")
	if err := os.WriteFile(book, []byte(strings.Replace(string(src), "params:\n", ports, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	n.cut.book = book
	w := wired{night: n, wires: map[string]*enginetest.Wire{}}
	own := n.pair.Env()
	for name, port := range map[string]int{"blue": n.pair.Blue.Port, "green": n.pair.Green.Port, "router": n.pair.Pooler.Port} {
		wire := enginetest.NewWire(t, fmt.Sprintf("127.0.0.1:%d", port))
		_, through, _ := strings.Cut(wire.Addr, ":")
		key := "TURQUOISE_" + strings.ToUpper(name) + "_DSN"
		dsn := strings.Replace(own[key], fmt.Sprintf(":%d/", port), ":"+through+"/", 1)
		if dsn == own[key] {
			t.Fatalf("%s does not name port %d", key, port)
		}
		own[key], w.wires[name] = dsn, wire
	}
	env := maps.Clone(own)
	n.get = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	w.s = n.open(func(c *session.Config) {
		c.Every = 200 * time.Millisecond
		if change != nil {
			change(c)
		}
	})
	return w
}

func (w wired) cuts() (n int) {
	for _, x := range w.wires {
		n += x.Cuts()
	}
	return n
}

// step runs the current step once, asks the proofs if it is unclear, and returns
// what became of it.
func (w wired) step(id runbooks.StepID) steps.StepState {
	w.t.Helper()
	if err := w.walk(w.s, lab.WalkOptions{Until: id}); err != nil && !errors.Is(err, lab.ErrStopped) {
		w.t.Fatal(err)
	}
	for _, x := range w.wires {
		x.Up()
	}
	if _, err := settleDoubt(w.t.Context(), w.s); err != nil {
		w.t.Fatal(err)
	}
	return w.s.State().Step(id)
}

func (w wired) current() runbooks.StepID {
	it, _ := w.s.State().Current()
	return it.Step.ID
}

// once demands that no statement was begun twice under one intent.
func (w wired) once() {
	w.t.Helper()
	rec, err := audit.Load(w.s.Dir())
	if err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range rec.Entries {
		b, _ := entries.Types().Decode(e)
		if b, ok := b.(entries.StmtBegin); ok {
			key := fmt.Sprintf("step %s, intent %d, %s action %d", e.Step, *e.Ref, b.Part, b.I)
			if seen[key] {
				w.t.Errorf("%s was sent twice", key)
			}
			seen[key] = true
		}
	}
	sound(w.t, w.s.Dir())
}

var places = map[enginetest.Where]string{enginetest.Before: "before", enginetest.Mid: "in the middle of", enginetest.After: "after"}

// TestALineThatIsCutInEveryStep cuts the line around the first (and, in the whole
// matrix, the second) statement of every step, before it arrives, while the server works, and before
// the answer. The step is done if its effect is proven to be there, and may be run
// again with a fresh plan if not; nothing is ever sent twice. Then the same in the
// window, where the abort plan or the proof decides and clients go on.
func TestALineThatIsCutInEveryStep(t *testing.T) {
	t.Parallel()
	w := newWired(t)
	w.parted = nightClients // the way back may end each client's connection once
	most := 2               // cuts of each step
	if os.Getenv("TURQUOISE_WHOLE_MATRIX") != "" {
		most = 6
	}
	for w.current() != "5" {
		id := w.current()
		for i := 0; w.current() == id; i++ {
			if i > most+2 {
				t.Fatalf("step %s does not come to an end: %s", id, w.s.State().Step(id).Why)
			}
			where := enginetest.Where(i % 3)
			before := w.cuts()
			if i < most {
				for _, name := range []string{"blue", "green"} {
					w.wires[name].Cut(where, fmt.Sprintf(" i=%d h=", 1+i/3))
				}
			}
			x := w.step(id)
			if x.Phase != steps.Done && x.Phase != steps.Failed {
				t.Fatalf("step %s cut %s action %d: %s: %s", id, places[where], 1+i/3, x.Phase, x.Why)
			}
			if w.cuts() > before {
				t.Logf("step %s cut %s action %d: %s %s", id, places[where], 1+i/3, x.Phase, x.Why)
			}
		}
	}
	w.flows("before the window")
	for _, cut := range []windowCut{
		{"5", "router", "PAUSE", enginetest.Before, steps.Undone, "blue"},
		{"5", "blue", " NOLOGIN", enginetest.Before, steps.Undone, "blue"},
		{"5", "blue", "*/ SELECT pg_current_wal_insert_lsn", enginetest.After, steps.Undone, "blue"},
		{"5", "green", "INSERT INTO tq.ack", enginetest.Before, steps.Undone, "blue"},
		{"5", "green", "FROM pg_create_logical_replication_slot", enginetest.Before, steps.Undone, "blue"},
		{"5", "router", "RELOAD", enginetest.Before, steps.Undone, "blue"},
		{"5", "router", "PAUSE", enginetest.After, steps.Done, "green"},  // the admin connection is lost in PAUSE, which holds
		{"B2", "router", "RESUME", enginetest.After, steps.Done, "blue"}, // what opens is lost: the proof finds it done
	} {
		if cut.step == "B2" && w.current() != "B2" {
			if err := w.walk(w.s, lab.WalkOptions{BackFrom: "6.2", Until: "B1.6"}); err != nil {
				t.Fatal(err)
			}
		}
		w.window(cut)
	}
	w.once()
	w.compare(w.s)
}

// windowCut is a line that is cut in a window, and what must become of that.
type windowCut struct {
	step        runbooks.StepID
	on, request string
	where       enginetest.Where
	phase       steps.Phase
	writes      string
}

func (w wired) window(cut windowCut) {
	w.t.Helper()
	before := w.cuts()
	w.wires[cut.on].Cut(cut.where, cut.request)
	x := w.step(cut.step)
	if w.cuts() == before {
		w.t.Errorf("the wire to %s was not cut at %s", cut.on, cut.request)
	}
	st := w.s.State()
	w.t.Logf("%s cut %s %s on %s: %s, writes on %s: %s", cut.step, places[cut.where], cut.request, cut.on, x.Phase, st.Writes, x.Why)
	if st.Freeze.On || x.Phase != cut.phase || string(st.Writes) != cut.writes {
		w.t.Fatalf("%s, freeze %+v, writes on %s; want %s, writes on %s", x.Phase, st.Freeze, st.Writes, cut.phase, cut.writes)
	}
	w.flows("cut " + places[cut.where] + " " + cut.request)
}
