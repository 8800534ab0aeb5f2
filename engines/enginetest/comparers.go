package enginetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// Twins are two servers with the same tables, for the contract of comparers.
type Twins struct {
	Digests engines.Digests
	Side    [2]engines.Comparer
	Exec    func(t testing.TB, side int, sql string)
}

// Both runs a statement on both sides.
func (w Twins) Both(t testing.TB, sql string) {
	t.Helper()
	w.Exec(t, 0, sql)
	w.Exec(t, 1, sql)
}

// Sides reads shapes and self-tests of both sides, as a comparison does.
func (w Twins) Sides(t testing.TB) (out [2]engines.Side) {
	t.Helper()
	for i, c := range w.Side {
		who, err := c.Identify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		shapes, _, err := c.Shapes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, s := range shapes {
			for _, col := range s.Columns {
				types = append(types, col.Base)
			}
		}
		slices.Sort(types)
		tests, err := c.SelfTest(t.Context(), slices.Compact(types))
		if err != nil {
			t.Fatal(err)
		}
		out[i] = engines.Side{Who: who, Tables: shapes, Tests: tests}
	}
	return out
}

// Pair pairs the tables of both sides, by their names without the schema.
func (w Twins) Pair(t testing.TB, s engines.Strength) (map[string]engines.TableDigest, []engines.Note) {
	t.Helper()
	sides := w.Sides(t)
	ds, notes := w.Digests(sides[0], sides[1], s)
	out := map[string]engines.TableDigest{}
	for _, d := range ds {
		out[d.Name] = d
	}
	return out, notes
}

// Equal reports whether the sums of a table are the same on both sides. A table
// without rows is not equal to anything.
func (w Twins) Equal(t testing.TB, d engines.TableDigest) bool {
	t.Helper()
	var sums [2]engines.Sum
	for i, c := range w.Side {
		s, err := c.Sum(t.Context(), d, engines.Part{})
		if err != nil {
			t.Fatalf("%v\n%s", err, d.RowHash)
		}
		sums[i] = s
	}
	return sums[0] == sums[1] && sums[0].Count > 0
}

// Mutation is a change of one value of a type that sums in use miss in one way or
// another: the two values compare equal, hash alike, or look alike. It is a type,
// a value of it, and what that becomes.
type Mutation [3]string

// MutationTable is a table with a column v of a mutation's type, and four rows
// in which it has the first value.
type MutationTable struct {
	Name string
	Is   Mutation
	Set  string // statement that gives v in all rows the value in place of %s
	One  string // statement that gives v in one row the value in place of %s
}

// Mutations holds both strengths to a soundness table: no value differs from
// itself, none becomes another unseen, and what is taken back is equal again.
func Mutations(t *testing.T, w Twins, tables []MutationTable) {
	for _, strength := range []engines.Strength{engines.Sum64, engines.Cryptographic} {
		digests, _ := w.Pair(t, strength)
		for _, m := range tables {
			typ, is, becomes := m.Is[0], m.Is[1], m.Is[2]
			d, ok := digests[m.Name]
			if !ok {
				t.Errorf("%s %s is not compared", m.Name, typ)
				continue
			}
			if !w.Equal(t, d) {
				t.Errorf("%s %s: %s differs from itself\n%s", m.Name, typ, is, d.RowHash)
			}
			w.Exec(t, 1, Put(m.One, becomes))
			if w.Equal(t, d) {
				t.Errorf("%s %s: %s becoming %s is missed by strength %s\n%s", m.Name, typ, is, becomes, strength, d.RowHash)
			}
			w.Exec(t, 1, Put(m.Set, is))
			if !w.Equal(t, d) {
				t.Errorf("%s %s: differs after the change is taken back", m.Name, typ)
			}
		}
	}
}

// Cancelling is a change of several rows that cancels in sums of linear hashes: a
// table, a name for people, and statements.
type Cancelling [3]string

// Cancels plays changes on the second side and wants each seen, in both
// strengths; copy and restore keep the table and bring it back.
func Cancels(t *testing.T, w Twins, changes []Cancelling, keep, restore func(table string) string) {
	for _, strength := range []engines.Strength{engines.Sum64, engines.Cryptographic} {
		digests, _ := w.Pair(t, strength)
		for _, c := range changes {
			table, name, change := c[0], c[1], c[2]
			d, ok := digests[table]
			if !ok {
				t.Fatalf("%s is not compared", table)
			}
			if !w.Equal(t, d) {
				t.Fatalf("%s: the sides differ before the change", name)
			}
			w.Exec(t, 1, keep(table))
			w.Exec(t, 1, change)
			if w.Equal(t, d) {
				t.Errorf("%s: missed by strength %s\n%s", name, strength, d.RowHash)
			}
			w.Exec(t, 1, restore(table))
		}
	}
}

// Parts wants every way of reading a table to tell the same rows: in one sum, in
// ranges, in slices, as a list and by key.
func Parts(t *testing.T, w Twins, d engines.TableDigest, perPart int64) {
	t.Helper()
	c := w.Side[0]
	whole, err := c.Sum(t.Context(), d, engines.Part{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := c.Rows(t.Context(), d, engines.Part{}, 1, nil)
	if err != nil || int64(len(rows)) != whole.Count || whole.Count == 0 {
		t.Fatalf("%s: %d of %d rows listed, %v", d.Name, len(rows), whole.Count, err)
	}
	d.Rows = whole.Count
	cuts, err := c.Cuts(t.Context(), d, perPart)
	if err != nil || d.Ordered && len(cuts) == 0 {
		t.Fatalf("%s: cuts %v, %v", d.Name, cuts, err)
	}
	parts := make([]engines.Part, len(cuts)+1)
	for i, at := range cuts {
		parts[i].High, parts[i].HasEnd, parts[i+1].Low, parts[i+1].HasLow = at, true, at, true
	}
	n, sliced := int64(0), int64(0)
	for _, p := range parts {
		s, err := c.Sum(t.Context(), d, p)
		if err != nil {
			t.Fatal(err)
		}
		n += s.Count
		in, err := c.Slices(t.Context(), d, p, 8)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range in {
			sliced += s.Count
			some, err := c.Rows(t.Context(), d, p, 8, []int{i})
			if err != nil || int64(len(some)) != s.Count {
				t.Fatalf("%s: slice %d lists %d of %d rows, %v", d.Name, i, len(some), s.Count, err)
			}
		}
	}
	classes := int64(0)
	for i := range 4 {
		s, err := c.Sum(t.Context(), d, engines.Part{Class: i, Classes: 4})
		if err != nil {
			t.Fatal(err)
		}
		classes += s.Count
	}
	if n != whole.Count || sliced != whole.Count || classes != whole.Count {
		t.Errorf("%s: %d rows, in %d parts %d, in slices %d, in classes %d", d.Name, whole.Count, len(parts), n, sliced, classes)
	}
	byKey(t, w, d, rows)
}

func byKey(t *testing.T, w Twins, d engines.TableDigest, rows []engines.RowHash) {
	t.Helper()
	keys := make([]engines.Key, len(rows))
	want := map[string]string{}
	for i, r := range rows {
		keys[i] = r.Key
		want[key(r.Key)] = r.Hash
	}
	for side, c := range w.Side {
		got, err := c.ByKey(t.Context(), d, keys)
		if err != nil || len(got) != len(rows) {
			t.Fatalf("%s, side %d: %d of %d rows by key, %v", d.Name, side, len(got), len(rows), err)
		}
		for _, r := range got {
			if want[key(r.Key)] != r.Hash {
				t.Errorf("%s, side %d: %v has another hash by key", d.Name, side, r.Key)
			}
		}
		sums(t, c, d, keys)
	}
}

// sums holds groups of keys to the sum of the table, where a comparer gives them.
func sums(t *testing.T, c engines.Comparer, d engines.TableDigest, keys []engines.Key) {
	t.Helper()
	s, can := c.(engines.KeySummer)
	if !can {
		return
	}
	whole, err := c.Sum(t.Context(), d, engines.Part{})
	if err != nil {
		t.Fatal(err)
	}
	one, err := s.SumsByKey(t.Context(), d, keys, len(keys))
	if err != nil || len(one) != 1 || one[0] != whole {
		t.Errorf("%s: by all keys %+v, the table is %+v, %v", d.Name, one, whole, err)
	}
	per := max(len(keys)/3, 1)
	n := int64(0)
	groups, err := s.SumsByKey(t.Context(), d, keys, per)
	for i, g := range groups {
		if want := min(per, len(keys)-i*per); g.Count != int64(want) {
			t.Errorf("%s: group %d of %d keys has %d", d.Name, i, want, g.Count)
		}
		n += g.Count
	}
	if err != nil || n != whole.Count {
		t.Errorf("%s: %d rows in groups, %d in the table, %v", d.Name, n, whole.Count, err)
	}
}

func key(k engines.Key) string {
	out := ""
	for _, v := range k {
		out += v + "\x00"
	}
	return out
}

// Put replaces %s of a statement by a value, which may hold anything.
func Put(statement, value string) string { return strings.ReplaceAll(statement, "%s", value) }
