package session_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// worded is a reader whose engine has gauges and words of its own.
type worded struct {
	door
	words map[engines.GaugeID]string
}

func (w worded) Identify(ctx context.Context) (engines.Identity, error) {
	id, err := w.door.Identify(ctx)
	if w.id == "green" {
		id.Extra = map[string]string{engines.ExtraTitle: "Gadget"}
	}
	return id, err
}

func (w worded) Gauges(ctx context.Context, in engines.Scope) []engines.Reading {
	out := w.door.Gauges(ctx, in)
	for id, text := range w.words {
		if on, _ := id.Split(); on == w.id {
			r := engines.Reading{Gauge: id, At: w.v.now(), Value: 1, Unit: engines.Count, Text: text}
			if strings.HasSuffix(string(id), "_minutes") {
				r.Value, r.Text = 3, ""
			}
			out = append(out, r)
		}
	}
	return out
}

// The tiles and alarms read the gauges that the engine names, whatever it calls
// them, and a server is called what it calls itself.
func TestTheCockpitReadsTheGaugesThatTheEngineNames(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		v := newServers()
		words := map[engines.GaugeID]string{"green/threads": "running", "blue/way_home": "lost", "green/keeps_minutes": ""}
		cfg := config(v, dir)
		cfg.Book.Phases = append(cfg.Book.Phases, runbooks.Phase{Number: 3, Name: "after", Steps: []runbooks.Step{
			{ID: "3.1", Title: "look", Kind: "probe", On: "green", From: "blue", To: "green", UndoNone: "test"}}})
		cfg.Book.Back = []runbooks.WayBack{{Name: "home", After: "2", Loses: "nothing", Ends: "blue"}}
		e := v.engine()
		e.Names = engines.Names{Title: "Widget", Link: "threads", LinkBack: "rev_threads", WayBack: "way_home", Room: "keeps_minutes", Position: "frozen_at"}
		e.Open = func(o engines.OpenRequest) (engines.Conn, error) { return worded{door{v, o.Target}, nil}, nil }
		e.OpenReader = func(o engines.OpenRequest) (engines.Reader, error) { return worded{door{v, o.Target}, words}, nil }
		cfg.Engines["fake"] = e
		n := begin(t, v, cfg)
		s := n.shown()
		if s.Sides[0].Version != "Widget 1" || s.Sides[1].Version != "Gadget 1" {
			t.Errorf("the sides are %q and %q", s.Sides[0].Version, s.Sides[1].Version)
		}
		if s.Link.State != "streaming" || !s.Link.Forward {
			t.Errorf("the link is %+v", s.Link)
		}
		n.run("1.1", steps.Done)
		n.run("2", steps.Done)
		sub, stop := n.h.Subscribe()
		defer stop()
		await(t, sub, func(s session.Snapshot) bool {
			return s.Way.State == "LOSES DATA" && alarmed(s, "THE WAY BACK LOSES") && alarmed(s, "KEPT FOR 3 MIN")
		})
		if err := n.s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Where the router cannot make clients wait, nothing says that they do.
func TestTheAlarmOfALongFreezeSaysWhatClientsMeet(t *testing.T) {
	for refuses, want := range map[bool]string{false: "CLIENTS WAIT SINCE", true: "CLIENTS ARE TURNED AWAY SINCE"} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			v := newServers()
			cfg := config(v, dir)
			cfg.Stepwise = true
			e := v.engine()
			e.Names = engines.Names{Refuses: refuses}
			cfg.Engines["fake"] = e
			n := begin(t, v, cfg)
			n.run("1.1", steps.Done)
			n.run("2.1", steps.Done)
			v.mu.Lock()
			v.late = 18 * time.Second
			v.mu.Unlock()
			sub, stop := n.h.Subscribe()
			defer stop()
			await(t, sub, func(s session.Snapshot) bool { return alarmed(s, want) })
			if err := n.s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
