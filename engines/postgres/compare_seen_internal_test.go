package postgres

import "testing"

func TestWhatASnapshotShows(t *testing.T) {
	for _, c := range []struct {
		snapshot string
		id       uint64
		unseen   bool
	}{
		{"740:745:740,743", 739, false},
		{"740:745:740,743", 740, true},
		{"740:745:740,743", 742, false},
		{"740:745:740,743", 745, true},
		{"745:745:", 744, false},
		{"4294967290:4294967300:4294967295", 4294967295, true}, // the log's numbers begin anew
		{"4294967290:4294967300:4294967295", 3, false},
		{"4294967290:4294967300:4294967299", 3, true},
		{"4294967290:4294967300:4294967295", 4, true},
		{"4294967290:4294967300:4294967295", 4294967291, false},
	} {
		if f, ok := snapshot(c.snapshot); !ok || f(c.id) != c.unseen {
			t.Errorf("%s: %d is unseen: want %t", c.snapshot, c.id, c.unseen)
		}
	}
	for _, s := range []string{"", "1:2", "a:b:c", "1:2:x"} {
		if _, ok := snapshot(s); ok {
			t.Errorf("%q is taken for a snapshot", s)
		}
	}
}
