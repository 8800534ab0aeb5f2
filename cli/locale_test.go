package cli

import "testing"

// Only a locale that is set and not UTF-8 takes the glyphs away.
func TestALocaleWithoutUTF8DrawsASCII(t *testing.T) {
	for _, c := range []struct {
		env   map[string]string
		flag  bool
		ascii bool
	}{
		{nil, false, false},
		{nil, true, true},
		{map[string]string{"LANG": "C"}, false, true},
		{map[string]string{"LANG": "en_US.UTF-8"}, false, false},
		{map[string]string{"LANG": "en_US.utf8"}, false, false},
		{map[string]string{"LANG": "en_US.UTF-8"}, true, true},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, false, true},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.UTF-8"}, false, false},
	} {
		get := func(k string) (string, bool) { v, ok := c.env[k]; return v, ok }
		if got := (screen{ascii: c.flag}).noUnicode(get); got != c.ascii {
			t.Errorf("%v --ascii=%v: %v, want %v", c.env, c.flag, got, c.ascii)
		}
	}
}
