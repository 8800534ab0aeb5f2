package postgres

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

func TestSkew(t *testing.T) {
	for _, c := range []struct {
		skew time.Duration
		want engines.Level
	}{{0, engines.Pass}, {999 * time.Millisecond, engines.Pass}, {time.Second, engines.Caution}, {-time.Second, engines.Caution}, {-time.Hour, engines.Caution}} {
		if a := skewed(c.skew, 4*time.Millisecond); a.Level != c.want {
			t.Errorf("%v: level %d: %s", c.skew, a.Level, a.Is)
		}
	}
}

func TestFewNamesSome(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{{nil, "0"}, {[]string{"a"}, "1: a"}, {[]string{"a", "b", "c", "d"}, "4: a, b, c, d"}, {[]string{"a", "b", "c", "d", "e", "f"}, "6: a, b, c, d and 2 more"}} {
		if got := preflight.Few(c.names); got != c.want {
			t.Errorf("%v: %q, want %q", c.names, got, c.want)
		}
	}
}

// TestMissingWords: a right or a column is a whole word.
func TestMissingWords(t *testing.T) {
	if got := missingWords("select update truncate", "update selected"); len(got) != 2 || got[0] != "select" || got[1] != "truncate" {
		t.Errorf("%v", got)
	}
}
