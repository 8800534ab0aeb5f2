package labtest

import (
	"context"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
)

// Buckets starts an S3 server with Object Lock of the test's own, and stops it
// when it ends. The program is built once, which takes a minute or two.
func Buckets(t testing.TB) *lab.Buckets {
	t.Helper()
	skipShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	programs, err := lab.OpenServers(t.Output())
	need(t, err)
	b, err := lab.StartBuckets(ctx, programs)
	need(t, err)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("stop versitygw: %v", err)
		}
	})
	return b
}
