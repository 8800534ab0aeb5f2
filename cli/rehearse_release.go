package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// releaseRehearsed is what rehearse reports of a release on a shared database; its
// JSON keys are part of the interface.
type releaseRehearsed struct {
	lab.ShopReport
	State     string           `json:"state"`      // where the release stands at the end
	AsItWas   bool             `json:"as_it_was"`  // the catalog at the end is that of the beginning
	AttemptNo int64            `json:"lock_waits"` // statements that were sent again because they got no lock
	Steps     []lab.WalkedStep `json:"steps"`
	Record    string           `json:"record"`
	Signers   string           `json:"signers"`
	Error     string           `json:"error,omitempty"`
}

// sharedBook is the runbook of a release on a shared database, whose application
// the lab has; on MySQL and MariaDB it is another file of the same release.
const sharedBook = "blue-turquoise-green"

// sharedFlavor says whether a runbook is such a release, and which product its
// shop runs on: as asked, or as the file says.
func sharedFlavor(book, flavor string) (string, bool, error) {
	switch {
	case book != sharedBook && book != lab.ShopBook(lab.FlavorMySQL):
		return "", false, nil
	case flavor == "" && book == sharedBook:
		return lab.FlavorPostgres, true, nil
	case flavor == "":
		return lab.FlavorMySQL, true, nil
	case flavor != lab.FlavorPostgres && flavor != lab.FlavorMySQL && flavor != lab.FlavorMariaDB:
		return "", true, usage("give postgres, mysql or mariadb", "--flavor %s: the lab has no shop on it", flavor)
	case book != sharedBook && flavor == lab.FlavorPostgres:
		return "", true, usage("name the runbook "+sharedBook, "--flavor postgres: %s is for MySQL and MariaDB", book)
	}
	return flavor, true, nil
}

// rehearseRelease walks a release on a shared database of the lab.
func (a *App) rehearseRelease(ctx context.Context, r rehearsal) error {
	if r.verify == "full" {
		return usage("leave --verify away", "%s has one database: its mismatch count compares both shapes of each row", r.book)
	}
	r.verify = "" // none is what there is
	ctx, forget := untilSignal(ctx)
	defer forget()
	out, err := r.runRelease(ctx, a)
	if err != nil && out == nil {
		return err
	}
	if err != nil {
		out.Error = err.Error()
	}
	if err := a.result(r.json, out, fmt.Sprintf("requests %d  acked %d  lost %d  duplicated %d  differ %d  failed %d  stray %d  worst %d ms  state %s  catalog as it was: %t\nrecord %s\nsigners %s",
		out.Requests, out.Acked, out.Lost, out.Duplicated, out.Differ, out.Failed, out.Stray, out.WorstMS, out.State, out.AsItWas, out.Record, out.Signers)); err != nil {
		return err
	}
	switch {
	case out.Lost+out.Duplicated+out.Differ+out.Stray > 0:
		return exit(ExitFailed, fmt.Errorf("rehearse %s: %d customers lost, %d duplicated, %d differ, %d requests went to the version before: %s", r.book, out.Lost, out.Duplicated, out.Differ, out.Stray, out.Why))
	case err != nil:
		return exit(ExitFailed, err)
	case r.back != "" && !out.AsItWas:
		return exit(ExitFailed, fmt.Errorf("rehearse %s: the catalog is not as it was", r.book))
	}
	return nil
}

// runRelease starts the shop, walks and compares. Nothing is left when it returns.
func (r rehearsal) runRelease(ctx context.Context, a *App) (out *releaseRehearsed, err error) {
	shop, err := lab.Shop(ctx, lab.ShopOptions{Flavor: r.flavor, Major: r.blue, Rows: r.rows, Log: a.Err})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shop.Close()) }()
	before, err := shop.DB.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	ledger := lab.StartShopLedger(shop.Router.Address(), r.clients, r.tps)
	defer ledger.Stop()
	err = r.play(ctx, a, shopStage(shop, ledger), func(w walked) error {
		ledger.Stop()
		st := w.s.State()
		rep, err := ledger.Check(ctx, shop.DB, contracted(st), turns(st))
		if err != nil {
			return err
		}
		after, err := shop.DB.Catalog(ctx)
		if err != nil {
			return err
		}
		out = &releaseRehearsed{ShopReport: rep, AsItWas: after == before, Steps: w.steps, Record: w.s.Dir(), Signers: w.signers, State: releaseState(ctx, w.s), AttemptNo: lockWaits(st)}
		return nil
	})
	return out, err
}

// contracted reports whether the old shape is gone: before that the old column
// has a customer's name, afterwards the new ones.
func contracted(st steps.State) bool {
	for _, it := range st.Walk {
		if it.Step.Risk == runbooks.NoReturn && st.Step(it.Step.ID).Phase == steps.Done {
			return true
		}
	}
	return false
}

func shopMeter(l *lab.ShopLedger) func() *session.Outage {
	return func() *session.Outage {
		m := l.Meter()
		return &session.Outage{Acked: m.Requests, Failed: m.Failed, Worst: m.Worst, Gap: m.Gap, LongestGap: m.LongestGap, TPS: m.Rate}
	}
}

// releaseState is the computed state, from samples taken after the walk.
func releaseState(ctx context.Context, s *session.Session) string {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	news, end := s.Handle(session.Person{Name: "script", Role: "operator"}).Subscribe()
	defer end()
	since := time.Now().Add(3 * time.Second) // it stands on readings of the tick before
	for {
		select {
		case snap := <-news:
			if g := snap.Gauges["db/release_state"]; g.At.After(since) {
				return g.Text
			}
		case <-ctx.Done():
			return "unknown"
		}
	}
}

// turns are the switches of the walk, by the end of the step that proved each.
func turns(st steps.State) []lab.Turn {
	var out []lab.Turn
	for _, it := range st.Walk {
		x := st.Step(it.Step.ID)
		if it.Step.Kind != "shift" || x.Phase != steps.Done {
			continue
		}
		if n := len(out); n > 0 { // requests under way at the next switch may go either way
			out = append(out, lab.Turn{At: x.Started})
		}
		out = append(out, lab.Turn{At: x.Ended, To: string(it.Step.To)})
	}
	return out
}

// lockWaits counts statements that were refused for their lock and sent again.
func lockWaits(st steps.State) int64 {
	var n int64
	for _, x := range st.Steps {
		for i := 1; i < len(x.Stmts); i++ {
			if x.Stmts[i].N == x.Stmts[i-1].N {
				n++
			}
		}
	}
	return n
}
