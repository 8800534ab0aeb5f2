package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/lab/skiptest"
)

// newShop is a shop of the test's own.
func newShop(t *testing.T, rows int) *lab.ShopLab {
	t.Helper()
	labtest.Installed(t, 15)
	shop, err := lab.Shop(t.Context(), lab.ShopOptions{Rows: rows, Log: t.Output()})
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

func oneOf(t *testing.T, dsn, query string) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	var out string
	if err := c.QueryRow(t.Context(), query).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKilledInTheMiddleOfABackfill kills the process between a batch and the next
// one. The resumed session finds by its proof that rows are left, goes on behind
// its checkpoint, and counts each row once.
func TestKilledInTheMiddleOfABackfill(t *testing.T) {
	t.Parallel()
	const progress = "select last_key || ' ' || rows_done from tq.progress"
	shop := newShop(t, 35000)
	n := &night{t: t}
	task := childTask{Book: sharedBook, Dir: t.TempDir(), Sid: "20260301-shop-0a1b", Window: "block", Env: shop.Env(), Until: "1.3",
		Params: []string{"ci_artifact=test", "backup_id=test", "drain=1s", "calm=1s", "healthy=1s", "soak=1s", "own_role=" + lab.RoleTurquoise}}
	nothing := func(childDone) {}
	n.life(task, nothing)
	if err := shop.Deploy(engines.Turquoise); err != nil {
		t.Fatal(err)
	}
	task.Until = "4.7"
	n.life(task, nothing)
	task.Until, task.Crash, task.Whole, task.Only = "5.1", true, true, "5.1:main:after-batch"
	if killed, _ := n.life(task, nothing); killed != "5.1:main:after-batch:2" {
		t.Fatalf("killed at %q", killed)
	}
	before := oneOf(t, shop.DSN(), progress)
	if before != "10000 10000" {
		t.Fatalf("checkpoint after the first batch: %q", before)
	}
	task.Crash = false
	var found childDone
	_, done := n.life(task, func(d childDone) { found = d })
	if found.Current != "5.1" || found.Phase != "failed" {
		t.Errorf("after the crash the proof says: step %s is %s", found.Current, found.Phase)
	}
	if done.Phase != "done" {
		t.Errorf("resumed, the step is %s: %s", done.Phase, done.Why)
	}
	if after := oneOf(t, shop.DSN(), progress); after != "35000 35000" {
		t.Errorf("checkpoint at the end: %q", after)
	}
	sound(t, task.Dir+"/"+task.Sid)
}

// TestARehearsalOfARelease walks the shared database up and down again.
func TestARehearsalOfARelease(t *testing.T) {
	t.Parallel()
	labtest.Installed(t, 15)
	var out, errs strings.Builder
	app := &App{Out: &out, Err: &errs}
	err := app.rehearse(t.Context(), rehearsal{cutover: cutover{book: sharedBook, window: "block", dir: t.TempDir(), params: []string{"calm=1s", "drain=1s", "healthy=1s"}},
		back: "6.3", clients: 4, tps: 50, json: true})
	var missing *engines.Error
	if errors.Is(err, lab.ErrAbsent) && errors.As(err, &missing) {
		skiptest.Skip(t, "HAProxy", missing.Next)
	}
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out.String(), errs.String())
	}
	for _, want := range []string{`"lost": 0`, `"duplicated": 0`, `"differ": 0`, `"stray": 0`, `"failed": 0`, `"state": "S0"`, `"as_it_was": true`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, out.String())
		}
	}
}
