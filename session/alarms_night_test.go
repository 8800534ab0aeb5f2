package session_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turquoise-db/turquoise/session"
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
