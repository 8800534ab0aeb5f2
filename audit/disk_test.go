package audit

import (
	"strings"
	"testing"
)

// TestAPlaceToWorryAbout: shares of other machines and little room are told, a
// local disk with room is not.
func TestAPlaceToWorryAbout(t *testing.T) {
	const ext4 = 0xef53
	for _, c := range []struct {
		kind uint32
		free int64
		want string
	}{
		{ext4, littleFree, ""},
		{ext4, littleFree - 1, "space"},
		{0xfe534d42, littleFree, "network"},
		{0x65735546, 40 << 20, "network space"},
	} {
		var is []string
		for _, w := range concerns("/r", c.kind, c.free) {
			is = append(is, w.ID)
			if !strings.Contains(w.Text, "(/r)") || w.Consequence == "" {
				t.Errorf("%+v does not say where and why it matters", w)
			}
		}
		if strings.Join(is, " ") != c.want {
			t.Errorf("%x with %d free: %s, want %q", c.kind, c.free, is, c.want)
		}
	}
}

// TestAPlaceIsLookedAt: the system's own answer arrives, its refusal too.
func TestAPlaceIsLookedAt(t *testing.T) {
	if _, err := DiskConcerns(t.TempDir() + "/none"); asksDisk && err == nil {
		t.Error("a directory that is not there was looked at")
	}
	if _, free, known, err := lookAtDisk(t.TempDir()); err != nil || known != asksDisk || known && free <= 0 {
		t.Errorf("%d free, %v, %v", free, known, err)
	}
}
