package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestEachCheckSaysWhetherItCanBePassedOver: a new check is put on one of the
// lists on purpose, and those that prove which server it is, that we see, and
// that nothing is lost stay out of everybody's reach.
func TestEachCheckSaysWhetherItCanBePassedOver(t *testing.T) {
	never := []string{"G01", "G02", "G03", "PG01", "PG02", "PG04", "PG07", "PG08", "PG13", "PG17", "PG20", "PG26", "PG32", "PG35"}
	second, warns := waiveTable()
	seen := map[string]bool{}
	for _, c := range checkTable() {
		base, _, _ := strings.Cut(c.ID, "/")
		seen[base] = true
		n := 0
		for _, list := range [][]string{never, second, warns} {
			if slices.Contains(list, base) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("check %s is on %d of the three lists", c.ID, n)
		}
		want := engines.SecondPerson
		if slices.Contains(never, base) {
			want = engines.Never
		}
		if got := waiveOf(c.ID, engines.Blind); got != want {
			t.Errorf("%s blind: %v, want %v", c.ID, got, want)
		}
	}
	for _, id := range slices.Concat(never, second, warns) {
		if !seen[id] {
			t.Errorf("no check %s: the list is older than the table", id)
		}
	}
	for _, row := range []struct {
		id    string
		level engines.Level
		want  engines.Waive
	}{
		{"PG39", engines.Block, engines.SecondPerson}, {"PG25/grants", engines.Block, engines.SecondPerson},
		{"PG24", engines.Block, engines.Never}, {"G02", engines.Block, engines.Never},
		{"PG39", engines.Caution, engines.Never}, {"PG39", engines.Pass, engines.Never}, {"XX01", engines.Block, engines.Never},
	} {
		if got := waiveOf(row.id, row.level); got != row.want {
			t.Errorf("%s at level %d: %v, want %v", row.id, row.level, got, row.want)
		}
	}
}
