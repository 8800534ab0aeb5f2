package postgres_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestKeysSideBySideAreSummedAsARange: what lies between the keys of a dense group is
// summed with it, on both sides alike; of other groups nothing but its keys is.
func TestKeysSideBySideAreSummedAsARange(t *testing.T) {
	w := newTwin(t, [2]int{15, 17}, [2]string{}, "CREATE TABLE t (id bigint PRIMARY KEY, v text)",
		"INSERT INTO t SELECT g, 'v' || g FROM generate_series(-300, 300) g", "INSERT INTO t VALUES (-9223372036854775808, 'least'), (9223372036854775807, 'greatest')")
	digests, _ := w.Pair(t, engines.Sum64)
	d := digests["t"]
	const group = 10
	var keys []engines.Key
	add := func(from, step int64) {
		for i := range int64(group) {
			keys = append(keys, engines.Key{strconv.FormatInt(from+i*step, 10)})
		}
	}
	add(100, 50)                                  // far apart: five of them there
	add(-9, 2)                                    // 19 numbers, over zero
	add(200, 1)                                   // without a gap
	add(-100, 3)                                  // 28 numbers are too many
	add(295, 1)                                   // half of them there
	add(math.MinInt64, math.MaxInt64/5)           // as far apart as can be: the least, and -3
	keys = append(keys, engines.Key{"7"})         // alone
	want := []int64{5, 19, group, group, 6, 2, 1} // rows
	sums := func() (out [2][]engines.Sum) {
		t.Helper()
		for side, c := range w.side {
			var err error
			if out[side], err = c.SumsByKey(t.Context(), d, keys, group); err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	s := sums()
	for i, n := range want {
		if s[0][i] != s[1][i] || s[0][i].Count != n {
			t.Errorf("group %d: blue %+v, green %+v, of %d rows", i, s[0][i], s[1][i], n)
		}
	}
	differ := func(id string, groups ...bool) {
		t.Helper()
		w.exec(1, "UPDATE t SET v = 'spoilt' WHERE id = "+id)
		s := sums()
		for i, is := range groups {
			if differs := s[0][i] != s[1][i]; differs != is {
				t.Errorf("row %s is spoilt, group %d differs: %t", id, i, differs)
			}
		}
		w.exec(1, "UPDATE t SET v = 'v' || id WHERE id = "+id)
	}
	differ("-7", false, true, false, false, false, false, false) // a key
	differ("-8", false, true, false, false, false, false, false) // between two
	differ("-98", false, false, false, false, false, false, false)
	differ("-97", false, false, false, true, false, false, false)
	differ("7", false, true, false, false, false, false, true)
}
