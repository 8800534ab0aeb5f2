package cli

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/lab/skiptest"
	"github.com/turquoise-db/turquoise/runbooks"
)

// newShop is a shop of the test's own.
func newShop(t *testing.T, flavor string, rows int) *lab.ShopLab {
	t.Helper()
	if flavor == lab.FlavorPostgres {
		labtest.Installed(t, 15)
	}
	shop, err := lab.Shop(t.Context(), lab.ShopOptions{Flavor: flavor, Rows: rows, Log: t.Output()})
	var missing *engines.Error
	if errors.Is(err, lab.ErrAbsent) && errors.As(err, &missing) {
		skiptest.Skip(t, "HAProxy", missing.Next)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := shop.Close(); err != nil {
			t.Errorf("stop the shop: %v", err)
		}
	})
	return shop
}

// TestKilledInTheMiddleOfABackfill kills the process between a batch and the next
// one. The resumed session finds by its proof that rows are left, goes on behind
// its checkpoint, and counts each row once.
func TestKilledInTheMiddleOfABackfill(t *testing.T) {
	for _, c := range []struct {
		flavor, progress  string
		rows, batch       int
		prepared, expands runbooks.StepID // last steps before turquoise is deployed, and before the backfill
	}{
		{lab.FlavorPostgres, "select last_key || ' ' || rows_done from tq.progress", 35000, 10000, "1.3", "4.7"},
		{lab.FlavorMySQL, "select concat(last_key, ' ', rows_done) from tqctl.progress", 7000, 2000, "1.4", "4.6"},
	} {
		t.Run(c.flavor, func(t *testing.T) {
			t.Parallel()
			shop := newShop(t, c.flavor, c.rows)
			checkpoint := func(rows int) {
				t.Helper()
				if is, err := shop.DB.Ask(t.Context(), c.progress); err != nil || is != fmt.Sprint(rows, " ", rows) {
					t.Fatalf("checkpoint: %q, %v; want %d", is, err, rows)
				}
			}
			n := &night{t: t}
			task := childTask{Book: shop.Book, Dir: t.TempDir(), Sid: "20260301-shop-0a1b", Window: "block", Env: shop.Env(), Until: c.prepared,
				Params: []string{"ci_artifact=test", "backup_id=test", "drain=1s", "calm=1s", "healthy=1s", "soak=1s"}}
			nothing := func(childDone) {}
			n.life(task, nothing)
			if err := shop.Deploy(engines.Turquoise); err != nil {
				t.Fatal(err)
			}
			task.Until = c.expands
			n.life(task, nothing)
			task.Until, task.Crash, task.Whole, task.Only = "5.1", true, true, "5.1:main:after-batch"
			fill := 2 // number of the action that fills
			if c.flavor == lab.FlavorMySQL {
				fill = 4
			}
			if killed, _ := n.life(task, nothing); killed != fmt.Sprint("5.1:main:after-batch:", fill) {
				t.Fatalf("killed at %q", killed)
			}
			checkpoint(c.batch)
			task.Crash = false
			var found childDone
			_, done := n.life(task, func(d childDone) { found = d })
			if found.Current != "5.1" || found.Phase != "failed" {
				t.Errorf("after the crash the proof says: step %s is %s", found.Current, found.Phase)
			}
			if done.Phase != "done" {
				t.Errorf("resumed, the step is %s: %s", done.Phase, done.Why)
			}
			checkpoint(c.rows)
			sound(t, task.Dir+"/"+task.Sid)
		})
	}
}

// TestARehearsalOfARelease walks the shared database up and down again.
func TestARehearsalOfARelease(t *testing.T) {
	for flavor, last := range map[string]string{lab.FlavorPostgres: "6.3", lab.FlavorMySQL: "8.3"} {
		t.Run(flavor, func(t *testing.T) {
			t.Parallel()
			if flavor == lab.FlavorPostgres {
				labtest.Installed(t, 15)
			}
			var out, errs strings.Builder
			app := &App{Out: &out, Err: &errs}
			err := app.rehearse(t.Context(), rehearsal{cutover: cutover{book: sharedBook, window: "block", dir: t.TempDir(), params: []string{"calm=1s", "drain=1s", "healthy=1s", "soak=1s"}},
				flavor: flavor, rows: 20000, back: last, clients: 4, tps: 50, json: true})
			var missing *engines.Error
			if errors.Is(err, lab.ErrAbsent) && errors.As(err, &missing) {
				skiptest.Skip(t, flavor, missing.Next)
			}
			if err != nil {
				t.Fatalf("%v\n%s\n%s", err, out.String(), errs.String())
			}
			for _, want := range []string{`"lost": 0`, `"duplicated": 0`, `"differ": 0`, `"stray": 0`, `"failed": 0`, `"state": "S0"`, `"as_it_was": true`} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %s in %s", want, out.String())
				}
			}
		})
	}
}
