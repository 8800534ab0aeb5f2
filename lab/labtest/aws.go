package labtest

import (
	"context"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
)

// AWS starts an empty emulator of AWS of the test's own, and stops it when the
// test ends.
func AWS(t testing.TB) *lab.AWS {
	t.Helper()
	skipShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	a, err := lab.StartAWS(ctx, t.Output())
	need(t, err)
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Errorf("stop the emulator: %v", err)
		}
	})
	return a
}
