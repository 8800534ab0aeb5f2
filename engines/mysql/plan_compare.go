package mysql

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// proveLimit bounds the proof inside the window. Two tokens and the keys that are
// still open take a few milliseconds; a second look at a large table without a key
// is what this leaves room for.
const proveLimit = 5 * time.Second

const notCompared = "parameter verify is none: NO ROW IS COMPARED, before the window or inside it; that the data is identical is not proven"

// compared reports whether the runbook asks for the full comparison. Only the
// word none leaves it out: a misspelt one must not.
func (p plan) compared() bool { return p.Param("verify", "full") != "none" }

// moved are the databases that move.
func (p plan) moved() []string {
	if d := p.Lists["databases"]; len(d) > 0 {
		return d
	}
	return []string{p.Param("database", "app")}
}

// compareTrack compares everything of the databases that move, and reads both
// logs from before its first row. The servers keep their logs anyway: nothing has
// to be made on them.
func (p plan) compareTrack() (engines.Parts, error) {
	if !p.compared() {
		return engines.Parts{UndoNone: notCompared}, nil
	}
	order, err := engines.OrderOf(p.Request)
	if err != nil {
		return engines.Parts{}, &engines.Error{Op: "plan the comparison", Object: string(p.To), Err: err, Next: "correct the runbook's compare_ parameters"}
	}
	if len(order.Tables) == 0 {
		for _, db := range p.moved() {
			order.Tables = append(order.Tables, db+".*")
		}
	}
	order.Except = append(order.Except, p.Lists["exclude"]...)
	return engines.Parts{Actions: []engines.Action{engines.CompareAction(order)},
		Undo: engines.Undoing(1, engines.CompareAction(engines.CompareOrder{Do: engines.CompareEnd}))}, nil
}

// compareProve stands inside the window, behind the catch-up: what it proves is
// true of the freeze position.
func (p plan) compareProve() (engines.Parts, error) {
	if !p.compared() {
		return engines.Parts{UndoNone: notCompared}, nil
	}
	a := engines.CompareAction(engines.CompareOrder{Do: engines.CompareProve, Token: p.token()})
	a.Limit = proveLimit
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "reads only"}, nil
}

// compareDrop ends following.
func (p plan) compareDrop() (engines.Parts, error) {
	if !p.compared() {
		return engines.Parts{UndoNone: notCompared}, nil
	}
	return engines.Parts{Actions: []engines.Action{engines.CompareAction(engines.CompareOrder{Do: engines.CompareEnd})},
		UndoNone: "the comparison is made anew by its own step"}, nil
}
