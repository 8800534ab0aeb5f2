package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/varnish"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// rehearsedWeb is what a rehearsal of two halves behind a router of requests
// reports; its JSON keys are part of the interface.
type rehearsedWeb struct {
	Requests       int64            `json:"requests"`
	Failed         int64            `json:"failed"`
	WrongHalf      int64            `json:"wrong_half"`      // answered by the old half, begun after a switch had returned
	StaleCached    int64            `json:"stale_cached"`    // the same, from the cache
	During         int64            `json:"during_switches"` // under way while a switch ran; either half may answer
	SwitchMS       []int64          `json:"switch_ms"`
	GapMS          int64            `json:"gap_ms"`
	WorstLatencyMS int64            `json:"worst_latency_ms"`
	ServesOn       string           `json:"serves_on"`
	Steps          []lab.WalkedStep `json:"steps"`
	Record         string           `json:"record"`
	Signers        string           `json:"signers"`
	Error          string           `json:"error,omitempty"`
}

// webBook reports whether a runbook moves requests between two halves and binds
// no database.
func webBook(book string) bool {
	src, err := readBook(book)
	if err != nil {
		return false // said by whoever needs the book
	}
	parsed, fs := runbooks.Parse(book, src)
	if runbooks.Refused(fs) {
		return false
	}
	_, blue := parsed.Target("blue")
	return !blue && slices.ContainsFunc(parsed.Targets, func(t runbooks.Target) bool { return t.Engine == varnish.Name })
}

func webStage(l *lab.WebLab, clients *lab.WebLedger) stage {
	return stage{params: l.Params(), env: l.Env(), meter: webMeter(clients)}
}

func webMeter(l *lab.WebLedger) func() *session.Outage {
	return func() *session.Outage {
		m := l.Meter()
		return &session.Outage{Acked: m.Acked, Failed: m.Failed, Gap: m.Gap, LongestGap: m.LongestGap, Worst: m.Worst, TPS: float64(m.TPS)}
	}
}

// webRequests is how many requests a rehearsal sees at the least: fewer say
// little about a switch that lasts a millisecond.
const webRequests = 10_000

// rehearseWeb walks a runbook of two halves under requests.
func (a *App) rehearseWeb(ctx context.Context, r rehearsal) error {
	if r.verify == "full" || r.flavor != "" || r.blue != 0 || r.green != 0 || r.oldPooler || r.fail > 0 {
		return usage("leave --verify, --flavor, --blue-version, --green-version, --old-pooler and --fail-proof away",
			"%s moves requests, not a database", r.book)
	}
	r.verify = "" // none is what there is
	ctx, forget := untilSignal(ctx)
	defer forget()
	out, err := r.runWeb(ctx, a)
	if err != nil && out == nil {
		return err
	}
	if err != nil {
		out.Error = err.Error()
	}
	if err := a.result(r.json, out, fmt.Sprintf("requests %d  failed %d  wrong half %d  stale from the cache %d  under way in a switch %d  switches %v ms  longest gap %d ms  worst latency %d ms  serves %s\nrecord %s\nsigners %s",
		out.Requests, out.Failed, out.WrongHalf, out.StaleCached, out.During, out.SwitchMS, out.GapMS, out.WorstLatencyMS, out.ServesOn, out.Record, out.Signers)); err != nil {
		return err
	}
	switch {
	case out.Failed > 0 || out.WrongHalf > 0 || out.StaleCached > 0:
		return exit(ExitFailed, fmt.Errorf("rehearse %s: %d requests failed, %d answered by the wrong half, %d stale from the cache", r.book, out.Failed, out.WrongHalf, out.StaleCached))
	case err != nil:
		return exit(ExitFailed, err)
	}
	return nil
}

// runWeb starts the lab, walks and compares. The servers are gone when it returns.
func (r rehearsal) runWeb(ctx context.Context, a *App) (out *rehearsedWeb, err error) {
	l, err := lab.Web(ctx, lab.WebOptions{Log: a.Err})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	load := lab.StartWebLedger(ctx, strings.Split(l.Fronts(), ","), lab.WebLedgerOptions{Clients: r.clients, RPS: r.tps})
	defer load.Stop()
	p := webStage(l, load)
	p.served = func(ctx context.Context) error { return enough(ctx, load) }
	err = r.play(ctx, a, p, func(w walked) error {
		load.Stop()
		st := w.s.State()
		switches := switchesOf(st)
		rep := load.Check(switches)
		out = &rehearsedWeb{Requests: rep.Requests, Failed: rep.Failed, WrongHalf: rep.Wrong, StaleCached: rep.Stale, During: rep.During,
			GapMS: rep.LongestGap.Milliseconds(), WorstLatencyMS: rep.WorstLatency.Milliseconds(), ServesOn: string(st.Writes), Steps: w.steps, Record: w.s.Dir(), Signers: w.signers}
		for _, w := range switches {
			out.SwitchMS = append(out.SwitchMS, w.Ended.Sub(w.Began).Milliseconds())
		}
		return nil
	})
	return out, err
}

// enough waits until the clients have asked often enough.
func enough(ctx context.Context, l *lab.WebLedger) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for l.Meter().Acked < webRequests {
		select {
		case <-t.C:
		case <-limit.C:
			return &engines.Error{Op: "wait for the clients", Object: "workload", Err: fmt.Errorf("only %d requests were answered", l.Meter().Acked), Next: "give more of them with --tps"}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// switchesOf are the switches that a walk and its way back came to, in their order.
func switchesOf(st steps.State) []lab.Switch {
	var out []lab.Switch
	all := runbooks.Sequence(st.Book, st.Stepwise)
	for _, w := range st.Book.Back {
		all = append(all, runbooks.SequenceBack(w, st.Stepwise)...)
	}
	for _, it := range all {
		x := st.Step(it.Step.ID)
		if it.Step.Kind != "switch" || x.Started.IsZero() || x.Ended.IsZero() {
			continue
		}
		out = append(out, lab.Switch{Began: x.Started, Ended: x.Ended, To: it.Step.To})
	}
	slices.SortFunc(out, func(a, b lab.Switch) int { return a.Began.Compare(b.Began) })
	return out
}

// demoWeb opens the cockpit on two halves behind Varnish.
func (a *App) demoWeb(ctx context.Context, c cutover, sc screen) (err error) {
	start, forget := untilSignal(ctx) // held to the end: no signal may leave servers behind
	defer forget()
	a.tell("starting two halves of an application and two Varnishes on this machine")
	l, err := lab.Web(start, lab.WebOptions{Log: a.Err})
	if err != nil {
		return errors.Join(context.Cause(start), err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	load := lab.StartWebLedger(ctx, strings.Split(l.Fronts(), ","), lab.WebLedgerOptions{Clients: demoClients, RPS: 100})
	defer load.Stop()
	s, err := a.perform(ctx, start, c, sc, webStage(l, load))
	if err != nil {
		return err
	}
	load.Stop()
	rep := load.Check(switchesOf(s.State()))
	if _, err := fmt.Fprintf(a.Out, "the clients: %d requests, %d failed, %d answered by the wrong half, %d stale from the cache, longest gap %d ms\nthe servers of the demo are gone; the record is in %s\n",
		rep.Requests, rep.Failed, rep.Wrong, rep.Stale, rep.LongestGap.Milliseconds(), s.Dir()); err != nil {
		return err
	}
	if !rep.Clean() {
		return exit(ExitFailed, fmt.Errorf("compare the clients' notes: %+v", rep))
	}
	return nil
}
