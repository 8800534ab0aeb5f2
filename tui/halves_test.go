package tui

import (
	"strings"
	"testing"
)

// Where no server has a colour, a tile about lag, rows or sequences would be a
// standing alarm about nothing.
func TestHalvesTakeThePlaceOfServers(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {100, 32}, {120, 40}, {170, 46}} {
		got := newRig(t, halves(), size[0], size[1]).frame()
		for _, want := range []string{"412", "2 sick", "SERVES"} {
			if !strings.Contains(got, want) {
				t.Errorf("%v: no %q in\n%s", size, want, got)
			}
		}
		for _, never := range []string{"LAG", "ROWS", "SEQ", "STALE", "not compared"} {
			if strings.Contains(got, never) {
				t.Errorf("%v: %q in\n%s", size, never, got)
			}
		}
	}
}
