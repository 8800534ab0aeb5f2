package compare_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
)

// TestManyKeysAreReadSideBySide: what is on its way stays together at the end, and what
// differed before does not come before what nobody has looked at.
func TestManyKeysAreReadSideBySide(t *testing.T) {
	const old, differ = 2000, 10
	var due []tablediff.Dirty
	add := func(n int, d tablediff.Dirty) {
		for i := range n {
			d.Key, d.Turn = engines.Key{strconv.Itoa((i*7919 + 13) % 100_003)}, uint64(len(due))
			due = append(due, d)
		}
	}
	add(old+compare.Batch, tablediff.Dirty{})
	add(differ, tablediff.Dirty{Failed: 1})
	was := slices.Clone(due)
	compare.Together(due)
	same := func(a, b tablediff.Dirty) bool { return a.Turn == b.Turn }
	if !slices.EqualFunc(due[old:], was[old:], same) {
		t.Error("keys that were written last, or that differ, have moved")
	}
	byNumber := func(a, b tablediff.Dirty) int {
		x, _ := strconv.Atoi(a.Key[0])
		y, _ := strconv.Atoi(b.Key[0])
		return x - y
	}
	if !slices.IsSortedFunc(due[:old], byNumber) {
		t.Error("the others are not in the order of their values")
	}
	slices.SortFunc(due, func(a, b tablediff.Dirty) int { return int(a.Turn) - int(b.Turn) })
	if !slices.EqualFunc(due, was, same) {
		t.Error("a key was lost")
	}
	few := slices.Clone(was[:compare.Batch])
	if compare.Together(few); !slices.EqualFunc(few, was[:compare.Batch], same) {
		t.Error("a few keys that one statement takes have moved")
	}
}
