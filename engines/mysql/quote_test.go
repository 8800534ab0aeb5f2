package mysql

import (
	"strings"
	"testing"
)

func TestBoundValuesAreFilledIn(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		args []string
		want string
	}{
		"text":               {"SELECT $1", []string{"0-21-4"}, "SELECT '0-21-4'"},
		"number":             {"LOG_POS = $1", []string{"4711"}, "LOG_POS = 4711"},
		"empty":              {"SELECT $1", []string{""}, "SELECT ''"},
		"quote":              {"SELECT $1", []string{"a'b"}, "SELECT 'a''b'"},
		"two, out of order":  {"$2 $1 $2", []string{"a", "b"}, "'b' 'a' 'b'"},
		"ten":                {"$10", strings.Split("a,b,c,d,e,f,g,h,i,j", ","), "'j'"},
		"in a literal":       {"SELECT '$1', $1", []string{"a"}, "SELECT '$1', 'a'"},
		"in a doubled quote": {"SELECT 'it''s $1', $1", []string{"a"}, "SELECT 'it''s $1', 'a'"},
		"in a name":          {"SELECT `$1`", []string{"a"}, "SELECT `$1`"},
		"in a comment":       {"/* $1 */ SELECT $1 -- $1\n, $1", []string{"a"}, "/* $1 */ SELECT 'a' -- $1\n, 'a'"},
		"a path":             {"'$[0]' $", nil, "'$[0]' $"},
		"a value with $":     {"$1 $2", []string{"$2", "x"}, "'$2' 'x'"},
		"zeros in front":     {"$1, $2", []string{"007", "0"}, "'007', 0"},
		"a long number":      {"$1", []string{"123456789012345678901"}, "'123456789012345678901'"},
	} {
		got, err := fill(tt.text, tt.args)
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, tt.want)
		}
	}
	if got, err := fill("$2", []string{"a"}); err == nil {
		t.Errorf("a parameter without a value: %q", got)
	}
}

// FuzzQuote: whatever a name or value holds, it ends where it should.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"app", `Ö "r'd\ers; --`, "a`b", "a\x00b", `\'`, "$1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		clean := strings.ReplaceAll(s, "\x00", "")
		for _, q := range []struct{ mark, got string }{{"`", ident(s)}, {"'", lit(s)}} {
			inner := q.got[1 : len(q.got)-1]
			if strings.ReplaceAll(inner, q.mark+q.mark, q.mark) != clean || strings.Count(inner, q.mark)%2 != 0 {
				t.Errorf("%q: %s", s, q.got)
			}
		}
		got, err := fill("SELECT $1, 'x'", []string{s})
		if err != nil || !strings.HasPrefix(got, "SELECT ") || !strings.HasSuffix(got, ", 'x'") {
			t.Errorf("%q: %s, %v", s, got, err)
		}
	})
}

func TestDialectsAreRead(t *testing.T) {
	for s, want := range map[string]dialect{
		"9.7.4":                               {false, version{9, 7, 4}},
		"8.0.36-28":                           {false, version{8, 0, 36}},
		"8.4":                                 {false, version{8, 4, 0}},
		"10.11.19-MariaDB-0+deb12u1-log":      {true, version{10, 11, 19}},
		"5.5.5-10.11.2-MariaDB":               {true, version{10, 11, 2}},
		"11.4.3-MariaDB-1:11.4.3+maria~ubu24": {true, version{11, 4, 3}},
	} {
		if got, ok := dialectOf(s); !ok || got != want {
			t.Errorf("%s: %+v, %v", s, got, ok)
		}
	}
	for _, bad := range []string{"", "MariaDB", "nine.seven", "9"} {
		if d, ok := dialectOf(bad); ok {
			t.Errorf("%q was read as %+v", bad, d)
		}
	}
	old, _ := dialectOf("8.0.25")
	if old.variable("parallel_workers") != "slave_parallel_workers" || old.waitPosition() != "MASTER_POS_WAIT" || old.ownPosition() != "SHOW MASTER STATUS" {
		t.Errorf("8.0.25: %s %s %s", old.variable("parallel_workers"), old.waitPosition(), old.ownPosition())
	}
}
