package labtest

import (
	"context"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
)

// Web starts an application in two versions behind Varnishes of the test's own,
// and stops them when it ends.
func Web(t testing.TB, o lab.WebOptions) *lab.WebLab {
	t.Helper()
	skipShort(t)
	if o.Log == nil {
		o.Log = t.Output()
	}
	return started(t, o, lab.Web)
}

// HaveVarnish skips the test unless the programs of Varnish can be had, for tests
// that start the lab by themselves.
func HaveVarnish(t testing.TB) {
	t.Helper()
	skipShort(t)
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	s, err := lab.OpenServers(t.Output())
	need(t, err)
	_, err = s.Varnish(ctx)
	need(t, err)
}
