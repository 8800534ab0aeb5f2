package tui

import (
	"time"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// roleOperator is the role whose screen may act.
const roleOperator = "operator"

// The panes, in the order of the keys 1 to 4.
const (
	paneRunbook = iota
	paneCard
	paneGauges
	paneAudit
	numPanes
)

// look is how one screen looks at the session: nothing of it is shared.
type look struct {
	me      session.Person
	pane    int
	at      runbooks.StepID // "" is the current step
	scroll  int
	zoom    bool
	unfold  bool
	paused  bool
	closed  bool
	noNews  time.Duration
	toast   string
	tooTiny bool
	find    search
}

// effect says how much a key does.
type effect int

const (
	looks   effect = iota // changes this screen only
	records               // leaves a line in the record
	acts                  // opens a box from which something may follow
)

type keyID string

// binding is one key of the table that drives matching, the key line and help.
type binding struct {
	id     keyID // the key as it is shown
	also   []string
	short  string // word on the key line; empty: not shown there
	help   string
	effect effect
}

// keyTable returns every key of the screen. Boxes have their own.
func keyTable() []binding {
	return []binding{
		{"tab", []string{"shift+tab", "1", "2", "3", "4"}, "pane", "next pane; 1 runbook, 2 card, 3 gauges, 4 audit", looks},
		{"↑↓", []string{"up", "down", "j", "k", "pgup", "pgdown", "home", "end"}, "look", "look through the runbook, or scroll the pane; the current step does not move", looks},
		{".", nil, "", "back to the current step", looks},
		{"enter", nil, "", "details: plan text, all checks, output", looks},
		{"z", nil, "", "zoom the pane; the gauges: every table of the comparison", looks},
		{"/", nil, "", "search the runbook, the audit or a pager; n and N go on, esc closes", looks},
		{"p", nil, "", "pause the display; the session goes on", looks},
		{"y", nil, "copy", "copy the plan text", looks},
		{"L", nil, "", "newest entries of the record", looks},
		{"R", nil, "", "recall alarms", looks},
		{"ctrl+l", nil, "", "draw again", looks},
		{"x", nil, "run…", "run the current step: opens its box", acts},
		{"v", nil, "verify", "evaluate the checks again; on Unclear ask the proof", acts},
		{"h", nil, "hold", "hold or resume, with a reason", acts},
		{"W", nil, "", "while a job of batches runs: most rows that a batch takes", acts},
		{"n", nil, "note", "note into the record", records},
		{"a", nil, "", "acknowledge the alarm", records},
		{"w", nil, "", "workers and limits of the running comparison", records},
		{"K", nil, "", "keys of the rows that differ, as they are; that they were shown goes into the record", records},
		{"s", nil, "", "skip the step, with a reason", acts},
		{"d", nil, "", "decide an Unclear outcome", acts},
		{"o", nil, "", "override a check that does not pass, with a second person", acts},
		{"g", nil, "", "go or no go: the poll of the desks", acts},
		{"H", nil, "", "hand the session over to another person", acts},
		{"A", nil, "", "approve or deny what waits for a second person", acts},
		{"b", nil, "back out…", "back out: go over to the way back", acts},
		{"ctrl+c", nil, "", "interrupt the running step: asks what it means first", acts},
		{"?", nil, "keys", "keys, why one is off, STATUS", looks},
		{"q", nil, "leave", "leave this screen", looks},
	}
}

func find(table []binding, key string) (binding, bool) {
	for _, b := range table {
		if string(b.id) == key {
			return b, true
		}
		for _, a := range b.also {
			if a == key {
				return b, true
			}
		}
	}
	return binding{}, false
}

// whyOff says why a key does nothing now; empty means it is on.
func whyOff(b binding, s session.Snapshot, k look) string {
	if b.effect == looks {
		return ""
	}
	switch {
	case k.tooTiny:
		return "window below 80x24"
	case k.me.Role != roleOperator && b.id != "n":
		return "you are " + k.me.Role
	case k.closed || k.noNews >= noNewsAfter:
		return "no news from the session"
	case s.Seq == 0:
		return "no snapshot yet"
	case !s.Record.OK:
		return "the record cannot be written"
	case k.paused:
		return "display paused"
	}
	if b.id == "w" {
		return whyNoPace(s)
	}
	if b.id == "K" {
		return whyNoKeys(s)
	}
	if b.id == "n" || b.id == "a" {
		return whyNoAlarm(b, s)
	}
	if k.at != "" && k.at != s.Current {
		return "you look at another step"
	}
	if b.id == "A" && waitsLate(s) {
		return "" // what is judged is over, whatever the walk does
	}
	if walkOver(s) {
		return "the walk is over"
	}
	return whyStep(b.id, s, s.Cards[s.Current])
}

func whyNoAlarm(b binding, s session.Snapshot) string {
	if _, _, ok := worst(s.Alarms); b.id == "a" && !ok {
		return "no alarm"
	}
	return ""
}

func whyNoKeys(s session.Snapshot) string {
	if s.Compared == nil || len(s.Compared.Differ)+len(s.Compared.Strangers) == 0 {
		return "no row is named now"
	}
	return ""
}

func whyNoPace(s session.Snapshot) string {
	if s.Compared == nil {
		return "nothing is compared now"
	}
	return ""
}

// whyStep holds what the step's own state allows.
func whyStep(id keyID, s session.Snapshot, c session.Card) string {
	if id == "ctrl+c" {
		if !running(c) {
			return "nothing runs; q leaves"
		}
		return ""
	}
	if id == "W" && (!running(c) || c.Batch == 0) {
		return "no job of batches runs"
	}
	if running(c) && id != "h" && id != "W" {
		return "the step runs"
	}
	switch id {
	case "x":
		return whyNoRun(s, c)
	case "g":
		if len(c.Desks) == 0 {
			return "this step asks no desk"
		}
	case "H":
		if c.Armed {
			return "a box is open"
		}
	case "A":
		if !c.Approval.Standing {
			return "nothing waits for a second person"
		}
	case "o":
		if failing(c.Before)+failing(c.Found) == 0 {
			return "every check passes"
		}
		if firstFailing(c) == "" {
			return "what does not pass can only be mended"
		}
		if c.Phase == steps.Unclear || c.Phase == steps.Done || c.Phase == steps.Skipped {
			return "step is " + c.Phase.String()
		}
	case "b":
		return whyNoBack(s)
	case "d":
		if c.Phase != steps.Unclear || !c.CanDecide {
			return "nothing to decide"
		}
	case "v":
		if c.Phase == steps.Unclear && !c.CanVerify {
			return "no proof to ask"
		}
	case "s":
		if why := whyNoSkip(c); why != "" {
			return why
		}
		if c.Phase != steps.Pending && c.Phase != steps.Failed && c.Phase != steps.Undone {
			return "step is " + c.Phase.String()
		}
	}
	return ""
}

// whyNoBack says why b leads nowhere.
func whyNoBack(s session.Snapshot) string {
	switch {
	case s.Taking != nil:
		return ""
	case s.Way.State == "CLOSED":
		return "the way back is closed"
	case s.Way.Walks:
		return "the way back is being walked"
	case s.Way.Name == "":
		return "nothing was changed yet; q leaves"
	}
	return ""
}

// whyNoSkip says which steps nobody may pass over: what moves traffic or has no
// return, and what asks whether anything may be changed at all.
func whyNoSkip(c session.Card) string {
	switch {
	case c.Risk >= runbooks.Traffic:
		return "a " + c.Risk.String() + " step is not skipped"
	case c.NoSkip:
		return "a preflight is not skipped; o overrides one check of it"
	}
	return ""
}

func whyNoRun(s session.Snapshot, c session.Card) string {
	switch {
	case c.ID == "":
		return "no step"
	case c.Phase == steps.Unclear:
		return "outcome Unclear: v or d first"
	case c.Phase == steps.Done || c.Phase == steps.Skipped:
		return "step is " + c.Phase.String()
	case s.Holding != "":
		return "on hold"
	case failing(c.Before) > 0:
		return "a check does not pass"
	case pollLeft(c) != "":
		return pollLeft(c) + ": g"
	case c.PlanErr != "":
		return "no plan yet"
	}
	return ""
}

// keyLine is the last row: what can be pressed, off keys in faint or in brackets.
func keyLine(th *Theme, s session.Snapshot, k look, w int) line {
	if k.find.open {
		return searchLine(k.find, w)
	}
	table := keyTable()
	build := func(drop string) line {
		var left, right line
		for _, b := range table {
			if b.short == "" || (b.effect == acts && k.me.Role != roleOperator) || containsID(drop, b.id) {
				continue
			}
			l := keyHint(th, b, whyOff(b, s, k) != "")
			if b.id == "?" || b.id == "q" {
				right = append(right, l...)
			} else {
				left = append(left, l...)
			}
		}
		if left.width()+right.width()+1 > w {
			return append(left, right...)
		}
		return spread(append(line{{text, " "}}, left...), right, w)
	}
	return pick(w, build(""), build("y"), build("yn"), build("yn↑↓"), build("yn↑↓h"), build("yn↑↓hv")).fit(w)
}

func containsID(drop string, id keyID) bool {
	for _, r := range drop {
		if string(r) == string(id) || (r == '↑' && id == "↑↓") {
			return true
		}
	}
	return false
}

func keyHint(th *Theme, b binding, off bool) line {
	if !off {
		return line{{turq | bold, string(b.id)}, {dim, " " + b.short + "   "}}
	}
	if th.mono() {
		return line{{text, "(" + string(b.id) + " " + b.short + ") "}}
	}
	return line{{dim, string(b.id) + " " + b.short + "   "}}
}
