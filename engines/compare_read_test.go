package engines_test

import (
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestNumbersBetweenTwoEnds: a range is divided into parts of equal width, and never
// into more than there are numbers.
func TestNumbersBetweenTwoEnds(t *testing.T) {
	for _, tt := range []struct {
		low, high string
		parts     int64
		want      []string
		ok        bool
	}{
		{"0", "100", 4, []string{"25", "50", "75"}, true}, {"-10", "10", 2, []string{"0"}, true}, {"1", "3", 9, []string{"2"}, true}, {"5", "5", 3, nil, true},
		{"18446744073709551614", "36893488147419103228", 2, []string{"27670116110564327421"}, true}, {"1", "9", 1, nil, true}, {"a", "9", 2, nil, false}, {"1", "1.5", 2, nil, false},
	} {
		got, _, ok := engines.Between(tt.low, tt.high, tt.parts)
		if ok != tt.ok || !slices.Equal(got, tt.want) {
			t.Errorf("%s to %s in %d: %v %t", tt.low, tt.high, tt.parts, got, ok)
		}
	}
}

// TestAWalkPassesAValueOfManyRows: it neither stands still there nor cuts it in two.
func TestAWalkPassesAValueOfManyRows(t *testing.T) {
	keys := []string{"a", "b", "b", "b", "b", "b", "c", "d", "e"}
	const per = 2
	got, err := engines.WalkCuts(func(from string, begun, past bool) (string, bool, error) {
		i := 0
		for begun && i < len(keys) && (keys[i] < from || past && keys[i] == from) {
			i++
		}
		if i+per >= len(keys) {
			return "", false, nil
		}
		return keys[i+per], true, nil
	})
	if err != nil || !slices.Equal(got, []string{"b", "e"}) {
		t.Errorf("%v %v", got, err)
	}
}
