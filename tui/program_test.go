package tui

import (
	"io"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/session"
)

// TestTheProgramStartsAndLeaves runs the real program once: keys are decoded
// from bytes, the subscription ends with the screen.
func TestTheProgramStartsAndLeaves(t *testing.T) {
	k := &talk{ch: make(chan session.Snapshot, 1)}
	k.ch <- ready()
	in, keys := io.Pipe()
	m := New(Config{Session: k, Me: session.Person{Name: "ada", Role: roleOperator}, Now: func() time.Time { return night }})
	p := tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(io.Discard), tea.WithWindowSize(120, 40), tea.WithoutSignals(), tea.WithContext(t.Context()))
	go func() {
		_, _ = io.WriteString(keys, "q") // a program that is gone needs no key
	}()
	end, err := p.Run()
	if err != nil {
		t.Fatal(err)
	}
	got := end.(Model)
	close(k.ch) // what unsubscribing does
	if got.Result() != Left || len(k.got) != 0 {
		t.Errorf("result %v, sent %v", got.Result(), k.got)
	}
}
