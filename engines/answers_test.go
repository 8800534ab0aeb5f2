package engines_test

import (
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// TestLateAnswers: what was long ago does not count, and a restart of the counters
// makes no answers.
func TestLateAnswers(t *testing.T) {
	var l engines.LateAnswers
	began := time.Unix(0, 0)
	for i, c := range []struct {
		at                      time.Duration
		all, failed             float64
		wantAll, wantFailed, of float64
	}{
		{0, 1000, 900, 0, 0, 0}, {time.Second, 1010, 901, 10, 1, 10}, {20 * time.Second, 1100, 901, 100, 1, 1},
		{40 * time.Second, 1200, 901, 190, 0, 0}, {60 * time.Second, 1300, 951, 200, 50, 25},
		{61 * time.Second, 4, 1, 0, 0, 0}, {62 * time.Second, 8, 2, 4, 1, 25},
	} {
		got := l.Since("green", engines.Answers{At: began.Add(c.at), All: c.all, Failed: c.failed})
		if got.All != c.wantAll || got.Failed != c.wantFailed || got.All > 0 && got.Percent() != c.of {
			t.Errorf("look %d: %+v, %v %%", i, got, got.Percent())
		}
	}
}
