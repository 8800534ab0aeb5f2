package session_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// await reads frames until one holds.
func await(t *testing.T, sub <-chan session.Snapshot, ok func(session.Snapshot) bool) session.Snapshot {
	t.Helper()
	for s := range sub {
		if ok(s) {
			return s
		}
	}
	t.Fatal("the session ended before the state was reached")
	panic("unreachable")
}

func (v *servers) set(gauge float64) {
	v.mu.Lock()
	v.gauge = gauge
	v.mu.Unlock()
}

func alarmed(s session.Snapshot, text string) bool {
	for _, a := range s.Alarms {
		if !a.Over && strings.Contains(a.Text, text) {
			return true
		}
	}
	return false
}

// A check that had passed and does not any more is told, once, however often it
// comes and goes: at most ten new alarms in ten minutes (G8).
func TestAClosedCheckIsOneAlarmHoweverOftenItFlaps(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := newServers()
		n := begin(t, v, config(v, dir))
		sub, stop := n.h.Subscribe()
		defer stop()
		const text = "1 OF 1 CHECKS OF 1.1 DO NOT PASS ANY MORE"
		first := await(t, sub, func(s session.Snapshot) bool { _, ok := s.Gauges["green/lag_seconds"]; return ok })
		end := first.Now.Add(10 * time.Minute)
		for i := 0; ; i++ {
			v.set(5)
			await(t, sub, func(s session.Snapshot) bool { return alarmed(s, text) })
			v.set(0)
			s := await(t, sub, func(s session.Snapshot) bool { return !alarmed(s, text) })
			if s.Now.Before(end) {
				continue
			}
			if len(s.Alarms) > 10 {
				t.Errorf("%d alarms of %d flaps in ten minutes", len(s.Alarms), i)
			}
			if i < 50 {
				t.Errorf("only %d flaps: the test is too slow to show a flood", i)
			}
			break
		}
		if err := n.s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A gate that was never open is no alarm: the card says that it waits.
func TestAGateThatNeverPassedIsNoAlarm(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := newServers()
		v.set(5)
		n := begin(t, v, config(v, dir))
		sub, stop := n.h.Subscribe()
		defer stop()
		first := <-sub
		s := await(t, sub, func(s session.Snapshot) bool { return s.Now.Sub(first.Now) > 10*time.Second })
		if len(s.Alarms) != 0 {
			t.Errorf("got %+v", s.Alarms)
		}
		if err := n.s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTheRecordTellsThatAServerWasSilent: once, with the line that bound it and the
// cause, and the readings that gates stood on with their age.
func TestTheRecordTellsThatAServerWasSilent(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := newServers()
		n := begin(t, v, config(v, dir))
		n.run("1.1", steps.Done)
		sub, stop := n.h.Subscribe()
		defer stop()
		v.mu.Lock()
		v.who = func(id engines.TargetID) (engines.Identity, error) {
			if id == "green" {
				return engines.Identity{}, errors.New("no route to host")
			}
			return door{v, id}.same()
		}
		v.mu.Unlock()
		await(t, sub, func(s session.Snapshot) bool { return alarmed(s, "green DOES NOT ANSWER") })
		if err := n.do(session.Intent{Command: steps.End{Reason: "end"}}); err != nil {
			t.Fatal(err)
		}
		if err := n.s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	lost, es := bodies[entries.TargetLost](t, dir)
	bound, at := bodies[entries.TargetBound](t, dir)
	if len(lost) != 1 || es[0].Target != "green" || es[0].OK == nil || *es[0].OK || !strings.Contains(lost[0].Error.Message, "no route to host") {
		t.Fatalf("lost %+v %+v", lost, es)
	}
	for i := range bound {
		if at[i].Target == "green" && (es[0].Ref == nil || *es[0].Ref != at[i].Seq) {
			t.Errorf("lost answers %v, green was bound at %d", es[0].Ref, at[i].Seq)
		}
	}
	gates := 0
	checks, _ := bodies[entries.CheckResult](t, dir)
	for _, c := range checks {
		if c.Kind == "gate" {
			gates++
			if _, err := time.Parse(time.RFC3339Nano, c.SampleAt); err != nil || c.AgeUS == nil || *c.AgeUS < 0 || *c.AgeUS > time.Minute.Microseconds() {
				t.Errorf("gate %s stands on a reading of %q, %v old", c.Check, c.SampleAt, c.AgeUS)
			}
		}
	}
	if gates == 0 {
		t.Error("no gate is in the record")
	}
	if r := entries.Verify(dir, audit.VerifyOptions{}); len(r.Findings) != 0 {
		t.Error(r.Findings)
	}
}
