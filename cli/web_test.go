package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestRehearseVarnish switches two Varnishes under load and back: no request
// fails, none that began after a switch had returned gets the other half, and
// none a cached page of it.
func TestRehearseVarnish(t *testing.T) {
	labtest.HaveVarnish(t)
	t.Parallel()
	var out, errs strings.Builder
	args := []string{"rehearse", "varnish-blue-green", "--json", "--dir", t.TempDir(), "--back-out-from", "3.1"}
	if code := Main(args, strings.NewReader(""), &out, &errs); code != ExitOK {
		t.Fatalf("status %d: %s%s", code, out.String(), errs.String())
	}
	var r rehearsedWeb
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	if r.Requests < webRequests || r.Failed+r.WrongHalf+r.StaleCached != 0 || len(r.SwitchMS) != 2 || r.ServesOn != "blue" {
		t.Errorf("%+v", r)
	}
	t.Logf("%d requests, %d under way in switches of %v ms, longest gap %d ms", r.Requests, r.During, r.SwitchMS, r.GapMS)
}

// TestTheWebLedgerNotices: what a switch must not do is counted when it is done.
func TestTheWebLedgerNotices(t *testing.T) {
	l := labtest.Web(t, lab.WebOptions{Nodes: 1})
	load := lab.StartWebLedger(t.Context(), []string{l.Fronts()}, lab.WebLedgerOptions{Clients: 2, RPS: 100})
	defer load.Stop()
	began := lab.Switch{To: "green"} // that never was: all that blue answers is wrong
	wait := func(what string, f func() bool) {
		t.Helper()
		tick, limit := time.NewTicker(5*time.Millisecond), time.NewTimer(20*time.Second)
		defer tick.Stop()
		defer limit.Stop()
		for !f() {
			select {
			case <-tick.C:
			case <-limit.C:
				t.Fatalf("not in time: %s", what)
			}
		}
	}
	wait("answers", func() bool { return load.Meter().Acked > 50 })
	if err := l.Blue.Close(); err != nil {
		t.Fatal(err)
	}
	wait("a failure", func() bool { return load.Meter().Failed > 0 })
	load.Stop()
	if r := load.Check([]lab.Switch{began}); r.Wrong == 0 || r.Stale == 0 || r.Failed == 0 || r.Clean() {
		t.Errorf("%+v", r)
	}
}
