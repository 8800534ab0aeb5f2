package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

func shopStage(l *lab.ShopLab, clients *lab.ShopLedger) stage {
	return stage{book: l.Book, params: l.Params(), env: l.Env(), meter: shopMeter(clients), hands: l.Hand}
}

// demoRelease opens the cockpit on a shop in three versions on one database.
func (a *App) demoRelease(ctx context.Context, c cutover, sc screen, flavor string) (err error) {
	start, forget := untilSignal(ctx) // held to the end: no signal may leave servers behind
	defer forget()
	a.tell("starting a database, a router and three versions of an application on this machine")
	shop, err := lab.Shop(start, lab.ShopOptions{Flavor: flavor, Log: a.Err})
	if err != nil {
		return errors.Join(context.Cause(start), err)
	}
	defer func() { err = errors.Join(err, shop.Close()) }()
	ledger := lab.StartShopLedger(shop.Router.Address(), demoClients, 0)
	defer ledger.Stop()
	s, err := a.perform(ctx, start, c, sc, shopStage(shop, ledger))
	if err != nil {
		return err
	}
	ledger.Stop()
	rep, err := ledger.Check(ctx, shop.DB, contracted(s.State()), turns(s.State()))
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(a.Out, "the clients: %d requests, %d customers acknowledged, %d lost, %d duplicated, %d with another name, %d failed, %d answered by the version before\nthe servers of the demo are gone; the record is in %s\n",
		rep.Requests, rep.Acked, rep.Lost, rep.Duplicated, rep.Differ, rep.Failed, rep.Stray, s.Dir()); err != nil {
		return err
	}
	if rep.Lost+rep.Duplicated+rep.Differ+rep.Stray > 0 {
		return exit(ExitFailed, fmt.Errorf("compare the clients' notes: %+v", rep))
	}
	return nil
}

// lendHands does the work of a manual step while it runs: in a demo nobody else
// deploys anything.
func lendHands(ctx context.Context, s *session.Session, hand func(title string) error) error {
	news, end := s.Handle(session.Person{Name: "hands", Role: session.RoleViewer}).Subscribe()
	defer end()
	done := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-news:
			if !ok {
				return nil
			}
		}
		st := s.State()
		it, ok := st.Current()
		x := st.Step(it.Step.ID)
		try := fmt.Sprint(it.Step.ID, " ", x.Attempt)
		if !ok || it.Step.Kind != "manual" || done[try] || x.Phase != steps.Running && x.Phase != steps.Proving {
			continue
		}
		done[try] = true
		if err := hand(it.Step.Title); err != nil {
			return err
		}
	}
}
