package postgres

import "testing"

// TestAWorkerThatNeverLivesIsNotZeroErrors: no worker and no count is unknown.
func TestAWorkerThatNeverLivesIsNotZeroErrors(t *testing.T) {
	var d deaths
	if n, err := d.see("1", "a", "", true); err == nil {
		t.Errorf("nobody applies, and that reads as %v errors", n)
	}
	if n, err := d.see("1", "a", "", false); err != nil || n != 0 {
		t.Errorf("a disabled subscription has no worker to lose: %v, %v", n, err)
	}
	for i, tt := range []struct {
		sub, version, pid string
		enabled           bool
		want              float64
	}{
		{"1", "a", "10", true, 0},
		{"1", "b", "10", true, 0}, // altered, the old worker still there
		{"1", "b", "", true, 0},   // replaced
		{"1", "b", "11", true, 0},
		{"1", "b", "", true, 1}, // gone by itself
		{"1", "b", "12", true, 1},
		{"1", "b", "13", true, 2}, // gone and back between two looks
		{"1", "c", "13", false, 2},
		{"1", "c", "", false, 2}, // disabled
		{"2", "a", "20", true, 0},
	} {
		n, err := d.see(tt.sub, tt.version, tt.pid, tt.enabled)
		if unknown := i == 2; n != tt.want || (err != nil) != unknown {
			t.Errorf("look %d: %v, %v; want %v", i, n, err, tt.want)
		}
	}
}
