//go:build unix

package tui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
)

// A second with all instruments moving costs little processor time: measured 1.4 ms
// at 120x40 with the real renderer, where 2 ms are allowed. Time is no limit that
// holds on every machine, so the whole program's tick is held against drawing the
// frame in the same moment, and drawing against what it allocates.
func TestATickIsCheap(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector is what costs here")
	}
	const n, most, mostAllocs = 60, 9, 1500
	p, out, _ := program(t, ready(), 120, 40)
	seconds(p, out, 0, n) // what is made once is made
	before := processorTime(t)
	seconds(p, out, n, n)
	tick := (processorTime(t) - before) / n

	m := New(Config{Session: &sent{}, Me: session.Person{Name: "ada", Role: roleOperator}, Now: func() time.Time { return night }, Pinned: true})
	at := 2 * n
	draw := func() {
		tm, _ := m.Update(snapMsg(second(at)))
		m = tm.(Model)
		m.View()
		at++
	}
	tm, _ := m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	m = tm.(Model)
	before = processorTime(t)
	for range n {
		draw()
	}
	frame := (processorTime(t) - before) / n
	allocs := testing.AllocsPerRun(n, draw)
	t.Logf("120x40: a tick %s of processor time, a frame of it %s, %.0f allocations", tick, frame, allocs)
	if tick > most*frame {
		t.Errorf("a tick costs %s, drawing its frame %s: more than %d times as much", tick, frame, most)
	}
	if allocs > mostAllocs {
		t.Errorf("a frame makes %.0f allocations, at most %d", allocs, mostAllocs)
	}
}
