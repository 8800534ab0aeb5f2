package cli

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestVarnishKilledAnywhere kills the cockpit once in every step of the walk to green
// and back, and at after each command of the switch, each time resumes and settles
// what is unclear by the proofs. No client notices any of it, and at the end blue
// answers, from the cache too.
func TestVarnishKilledAnywhere(t *testing.T) {
	t.Parallel()
	l := labtest.Web(t, lab.WebOptions{})
	load := lab.StartWebLedger(t.Context(), strings.Split(l.Fronts(), ","), lab.WebLedgerOptions{Clients: 2, RPS: 40})
	defer load.Stop()
	n := &night{t: t}
	var seen []string
	for i, only := range []string{"2.1:main:after-send:", ""} {
		if only == "" && os.Getenv("TURQUOISE_WHOLE_MATRIX") == "" {
			continue // in every step: three minutes
		}
		task := childTask{Book: "varnish-blue-green", Dir: t.TempDir(), Sid: "20260301-varnish-" + []string{"0a1b", "0c2d"}[i], Window: "block",
			Env: l.Env(), Params: l.Params(), BackFrom: "3.3", Crash: true, Only: only, Whole: only != ""}
		for {
			killed, done := n.life(task, func(childDone) {})
			if killed == "" {
				if done.Writes != "blue" {
					t.Errorf("the walk ended with %+v", done)
				}
				break
			}
			if slices.Contains(task.Seen, killed) {
				t.Fatalf("killed twice at %s", killed)
			}
			task.Seen = append(task.Seen, killed)
		}
		seen = append(seen, task.Seen...)
	}
	load.Stop()
	m := load.Meter()
	t.Logf("killed at %d boundaries, %d requests: %q", len(seen), m.Acked, seen)
	if m.Failed > 0 || len(seen) < 5 {
		t.Errorf("%d of %d requests failed: %s; killed at %d boundaries", m.Failed, m.Acked, m.LastError, len(seen))
	}
	for _, v := range l.Nodes {
		for _, path := range []string{"/", "/page/1"} {
			res, err := http.Get("http://" + v.Front() + path)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Body.Close(); err != nil || engines.TargetID(res.Header.Get("X-Colour")) != "blue" {
				t.Errorf("%s%s is answered by %q, %v", v.Front(), path, res.Header.Get("X-Colour"), err)
			}
		}
	}
}
