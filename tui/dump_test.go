package tui

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
)

// TestDump writes frames with their colours into the folder that
// TURQUOISE_TUI_DUMP names, for a person to look at.
func TestDump(t *testing.T) {
	dir := os.Getenv("TURQUOISE_TUI_DUMP")
	if dir == "" {
		t.Skip("TURQUOISE_TUI_DUMP is not set: no frames are written")
	}
	dark, light, none, ascii := NewTheme(TrueColour, false, false), NewTheme(TrueColour, true, false), NewTheme(NoColour, false, false), NewTheme(Colours16, false, true)
	box := func(s session.Snapshot, keys string) func(*rig) {
		return func(r *rig) { r.x(); r.snap(armed(s)); r.pass(deadFor); r.typed(keys) }
	}
	for _, d := range []struct {
		name string
		s    session.Snapshot
		th   *Theme
		w, h int
		do   func(*rig)
	}{
		{"ready-120x40", ready(), dark, 120, 40, nil},
		{"ready-100x32", ready(), dark, 100, 32, nil},
		{"ready-80x24", ready(), dark, 80, 24, nil},
		{"ready-170x46", ready(), dark, 170, 46, nil},
		{"running-120x40", frozen(), dark, 120, 40, nil},
		{"running-170x46", frozen(), dark, 170, 46, nil},
		{"stale-120x40", stale(), dark, 120, 40, nil},
		{"stale-80x24", stale(), dark, 80, 24, nil},
		{"reading-zoom-80x24", reads(), dark, 80, 24, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"reading-zoom-120x40", reads(), dark, 120, 40, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"reading-170x46", reads(), dark, 170, 46, nil},
		{"followed-zoom-80x24", followed(), dark, 80, 24, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"followed-zoom-120x40", followed(), dark, 120, 40, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"followed-zoom-170x46", followed(), dark, 170, 46, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"busy-zoom-80x24", busy(12 * time.Second), dark, 80, 24, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"busy-zoom-120x40", busy(12 * time.Second), dark, 120, 40, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"keys-zoom-80x24", shown(), dark, 80, 24, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"keys-zoom-120x40", shown(), dark, 120, 40, func(r *rig) { r.typed("3"); r.typed("z") }},
		{"light-120x40", ready(), light, 120, 40, nil},
		{"mono-120x40", stale(), none, 120, 40, nil},
		{"ascii-80x24", stale(), ascii, 80, 24, nil},
		{"block-120x40", windowBlock(), dark, 120, 40, nil},
		{"block-80x24", windowBlock(), dark, 80, 24, nil},
		{"confirm-120x40", ready(), dark, 120, 40, box(ready(), "bl")},
		{"block-confirm-120x40", windowBlock(), dark, 120, 40, box(windowBlock(), "")},
		{"noreturn-120x40", ready(), dark, 120, 40, box(withRisk(ready(), runbooks.NoReturn, "drop turq_back"), "drop")},
		{"interrupt-120x40", frozen(), dark, 120, 40, func(r *rig) { r.pass(deadFor); r.send(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}) }},
		{"help-120x40", ready(), dark, 120, 40, func(r *rig) { r.pass(deadFor); r.typed("?") }},
		{"over-120x40", over(), dark, 120, 40, nil},
		{"second-120x40", noReturn(4), dark, 120, 40, box(noReturn(4), "drop it")},
		{"poll-120x40", polled(), dark, 120, 40, func(r *rig) { r.pass(deadFor); r.typed("g") }},
		{"poll-80x24", polled(), dark, 80, 24, func(r *rig) { r.pass(deadFor); r.typed("g") }},
		{"handover-80x24", ready(), dark, 80, 24, func(r *rig) { r.pass(deadFor); r.typed("H"); r.pass(deadFor); r.typed("bo") }},
	} {
		r := newRig(t, d.s, d.w, d.h)
		r.m.th = d.th
		if d.do != nil {
			d.do(r)
		}
		r.m.version++
		if err := os.WriteFile(filepath.Join(dir, d.name+".ansi"), []byte(r.m.View().Content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
