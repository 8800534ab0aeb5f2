package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAFrozenLinkIsNoSwitch: the link from blue to green stands still, and green
// says that both threads run and that it is 0 seconds behind. The cockpit does not
// arm the window and names the gate; a link that freezes when the window was
// confirmed already ends in its abort, with the clients on blue.
func TestAFrozenLinkIsNoSwitch(t *testing.T) {
	t.Parallel() // else its nights would run beside each other alone
	for _, c := range courses() {
		if c.engine != "mysql" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			c.dear(t, "mariadb")
			t.Parallel()
			frozenLink(t, c)
		})
	}
}

func frozenLink(t *testing.T, c course) {
	n := newNightOn(t, c)
	l := n.bench.(*lab.MySQLPairLab)
	w := enginetest.NewWire(t, l.Blue.Address())
	_, port, _ := strings.Cut(w.Addr, ":")
	n.cut.params = append(n.cut.params, fmt.Sprintf("blue_conninfo=host=127.0.0.1 port=%s user=%s ssl=off", port, lab.RoleReplication))
	s := n.open(nil)
	if err := n.walk(s, lab.WalkOptions{Until: c.out}); err != nil {
		t.Fatal(err)
	}
	h := s.Handle(session.Person{Name: "script", Role: "operator"})

	w.Hold("")
	arm := func() (string, bool) {
		var r *steps.Refusal
		if err := h.Do(t.Context(), session.Intent{Command: steps.Arm{Step: c.window}}); errors.As(err, &r) {
			return r.Error(), false
		} else if err != nil {
			t.Fatal(err)
		}
		return "armed", true
	}
	why := n.until("the window is refused", func() (string, bool) {
		why, armed := arm()
		if armed { // it has not shown yet
			if err := h.Do(t.Context(), session.Intent{Command: steps.Disarm{}}); err != nil {
				t.Fatal(err)
			}
		}
		return why, strings.Contains(why, "wanted")
	})
	st := labtest.ReplicaStatus(t, l.Green)
	if st["IO_Running"] != "Yes" || st["SQL_Running"] != "Yes" || st["Seconds_Behind"] != "0" {
		t.Errorf("green says IO %s, SQL %s, %s seconds behind: this frozen link shows itself", st["IO_Running"], st["SQL_Running"], st["Seconds_Behind"])
	}
	t.Logf("green: IO Yes, SQL Yes, 0 seconds behind. The cockpit: %s", why)
	if !strings.Contains(why, "lag_seconds") && !strings.Contains(why, "link_seconds") {
		t.Errorf("the refusal names no gate of the link: %q", why)
	}

	w.Up()
	n.until("the window may be armed again", arm)
	w.Hold("")
	if err := n.confirmArmed(s, h, c); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(t.Context(), func(st steps.State) bool { return !st.Busy() }); err != nil {
		t.Fatal(err)
	}
	w.Up()
	if x := s.State().Step(c.window); x.Phase != steps.Undone || s.State().Writes != "blue" || s.State().Freeze.On {
		t.Fatalf("the window over a link that froze is %s (%s), writes on %s", x.Phase, x.Why, s.State().Writes)
	}
	n.flows("after the abort")
	n.compare(s)
}

// confirmArmed confirms an armed step as its card shows it.
func (n *night) confirmArmed(s *session.Session, h *session.Handle, c course) error {
	snap := s.Snapshot()
	card := snap.Cards[c.window]
	return h.Do(n.t.Context(), session.Intent{Command: steps.Confirm{Step: c.window, Digest: card.Digest}, Typed: card.Word,
		Seen: session.Seen{Step: c.window, Attempt: card.Attempt, Entry: snap.Record.Count - 1}})
}

// until asks again until it holds, and returns what was said last.
func (n *night) until(what string, ask func() (string, bool)) string {
	n.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for {
		said, ok := ask()
		if ok {
			return said
		}
		select {
		case <-tick.C:
		case <-limit.C:
			n.t.Fatalf("waited for: %s; last %q", what, said)
		}
	}
}
