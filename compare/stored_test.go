package compare_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/compare"
)

// TestRowsThatNoLogTellsOf: a partition that is dropped takes its rows with it, and
// a table that is rewritten has other rows. No stream of changes says so.
func TestRowsThatNoLogTellsOf(t *testing.T) {
	d, o := newFollowed(t, 2000)
	keep := filepath.Join(t.TempDir(), "compared.json")
	w, err := d.followKept(o, keep, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.exec(1, "DROP TABLE p1; CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
	d.fence("off")
	if p, err := w.At(t.Context(), "off"); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "2000 rows: public.parts") || !slices.Contains(p.Wholes, "public.parts") {
		t.Errorf("a partition was dropped: %v, compared as a whole: %v", err, p.Wholes)
	}
	d.exec(1, "INSERT INTO parts SELECT g, date '2026-01-01' + g % 365, 'v' FROM generate_series(1, 2000) g")
	d.fence("on")
	if p, err := w.At(t.Context(), "on"); err != nil || len(p.Wholes) > 0 { // what differs is known by key since
		t.Errorf("and filled again: %v, compared as a whole: %v", err, p.Wholes)
	}
	d.exec(1, "ALTER TABLE far ALTER COLUMN n TYPE int USING n + (n = 77)::int")
	w.Close()
	if _, err = d.refollow(o, keep, nil); !errors.Is(err, compare.ErrDiffers) || !strings.Contains(err.Error(), "public.far") {
		t.Errorf("a table was rewritten, and the next life says: %v", err)
	}
}
