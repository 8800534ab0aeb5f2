package command

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// sumVar begins the names of captured sums; the place of the executable in the
// target's list follows.
const sumVar = "router_sha256_"

const (
	proofEvery = 200 * time.Millisecond
	proofLimit = 30 * time.Second
)

// Planner plans commands. It holds nothing.
type Planner struct{}

var _ engines.Planner = Planner{}

// Supports reports the kinds of a router.
func (Planner) Supports(kind, stage string) bool {
	switch kind {
	case "capture", "freeze", "route", "open", "switch":
		return stage == ""
	}
	return false
}

// GaugeNames lists what the reader gives.
func (Planner) GaugeNames() []string {
	return []string{"serves_side", "paused_count", "nodes_count", "blue_health", "green_health"}
}

func sumText(path string) string { return "sha256 of " + path }

func sumQuestion(text string) (path string, ok bool) { return strings.CutPrefix(text, "sha256 of ") }

// Plan turns a request into actions.
func (p Planner) Plan(r engines.Request) (engines.Parts, error) {
	if !p.Supports(r.Kind, r.Stage) {
		return engines.Parts{}, fail(r, errors.New("no such kind by command"), "correct kind and stage in the runbook")
	}
	c, err := commandsOf(r.Params)
	if err != nil {
		return engines.Parts{}, fail(r, err, `write each command as a JSON list with an absolute path: ["/opt/ops/lb","to","green"]`)
	}
	if r.Kind == "capture" {
		var parts engines.Parts
		for i, path := range c.all {
			parts.Actions = append(parts.Actions, engines.Action{Target: r.On, Verb: engines.Exec, Title: "read the sum of " + path,
				Text: sumText(path), Captures: []engines.Capture{{Var: fmt.Sprintf("%s%d", sumVar, i+1)}}})
		}
		parts.UndoNone = "reads only"
		return parts, nil
	}
	m := maker{r: r, c: c}
	switch r.Kind {
	case "freeze":
		return m.freeze()
	case "route":
		return m.move(len(c.hold) > 0, engines.NoClock)
	case "switch":
		return m.move(false, engines.OpensGreen)
	}
	return m.open()
}

func fail(r engines.Request, err error, next string) error {
	return &engines.Error{Op: "plan " + r.Kind, Object: string(r.On), Err: err, Next: next}
}

type maker struct {
	r engines.Request
	c commands
}

// action is a command with the sum of its executable and the proof by status.
func (m maker) action(title string, argv []string, want string) (engines.Action, error) {
	if len(argv) == 0 {
		return engines.Action{}, fail(m.r, errors.New("no command for that side"), "name switch_blue and switch_green")
	}
	sum := ""
	for i, path := range m.c.all {
		if path == argv[0] {
			sum = m.r.Vars[fmt.Sprintf("%s%d", sumVar, i+1)]
		}
	}
	if !plainSum.MatchString(sum) {
		return engines.Action{}, fail(m.r, fmt.Errorf("the sum of %s was not read", argv[0]), "run the capture step first")
	}
	text, err := textOf(argv, sum)
	ask, aerr := textOf(m.c.status, "")
	if err := errors.Join(err, aerr); err != nil {
		return engines.Action{}, err
	}
	return engines.Action{Target: m.r.On, Verb: engines.Exec, Title: title, Text: text,
		Proof: &engines.Proof{Target: m.r.On, Verb: engines.Exec, Title: "traffic: " + want, Text: ask + taken + whereText, Want: want, Every: proofEvery, Limit: proofLimit}}, nil
}

func held(side engines.TargetID, is bool) string {
	if is {
		return string(side) + ", held"
	}
	return string(side)
}

// freeze makes clients wait where the commands can; else the database's own lock
// is all there is.
func (m maker) freeze() (engines.Parts, error) {
	if len(m.c.hold) == 0 {
		return engines.Parts{UndoNone: "the commands cannot make clients wait; the database refuses them"}, nil
	}
	a, err := m.action("make clients wait", m.c.hold, held(m.r.From, true))
	back, berr := m.action("let clients go on", m.c.release, held(m.r.From, false))
	if err := errors.Join(err, berr); err != nil {
		return engines.Parts{}, err
	}
	a.Starts, back.Undoes = engines.FreezeBegins, 1
	undo := back
	back.Starts = engines.WritesOpen
	return engines.Parts{Actions: []engines.Action{a}, Undo: []engines.Action{undo}, Abort: []engines.Action{back}}, nil
}

// move switches, and the undo is the switch of the other side.
func (m maker) move(hold bool, clock engines.Clock) (engines.Parts, error) {
	a, err := m.action("send traffic to "+string(m.r.To), m.c.turn[m.r.To], held(m.r.To, hold))
	back, berr := m.action("send traffic to "+string(m.r.From), m.c.turn[m.r.From], held(m.r.From, hold))
	if err := errors.Join(err, berr); err != nil {
		return engines.Parts{}, err
	}
	a.Starts, back.Undoes = clock, 1
	return engines.Parts{Actions: []engines.Action{a}, Undo: []engines.Action{back}, Abort: []engines.Action{back}}, nil
}

// open lets clients go on, or says that they do.
func (m maker) open() (engines.Parts, error) {
	p := engines.Parts{UndoNone: "clients write on " + string(m.r.To) + " from here on; only the way back takes them back"}
	if len(m.c.hold) > 0 {
		a, err := m.action("let clients go on", m.c.release, held(m.r.To, false))
		a.Starts = engines.OpensGreen
		p.Actions = []engines.Action{a}
		return p, err
	}
	ask, err := textOf(m.c.status, "")
	if err != nil {
		return p, err
	}
	p.Actions = []engines.Action{{Target: m.r.On, Verb: engines.Exec, Title: "see where traffic goes", Text: ask + taken + whereText, Starts: engines.OpensGreen,
		Proof: &engines.Proof{Target: m.r.On, Verb: engines.Exec, Title: "traffic: " + string(m.r.To), Text: ask + taken + whereText, Want: string(m.r.To), Every: proofEvery, Limit: proofLimit}}}
	return p, nil
}
