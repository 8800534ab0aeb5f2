package engines

import (
	"errors"
	"strings"
	"testing"
)

func TestEachNamesTheNodeThatFailed(t *testing.T) {
	ask := func(i int, n string) (string, error) {
		if n == "b" {
			return "", errors.New("gone")
		}
		return strings.ToUpper(n), nil
	}
	got, err := Each([]string{"a", "b", "c"}, ask)
	if err == nil || err.Error() != "b: gone" || got[0] != "A" || got[2] != "C" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Each([]string{"b"}, ask); err == nil || err.Error() != "gone" {
		t.Errorf("one node: %v", err)
	}
	if got := Agreed([]string{"a", "b"}, []string{"x", "x"}); got != "x" {
		t.Error(got)
	}
	if got := Agreed([]string{"a", "b"}, []string{"x", "y"}); got != "a: x; b: y" {
		t.Error(got)
	}
}
