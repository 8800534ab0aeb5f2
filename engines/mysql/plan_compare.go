package mysql

import "github.com/turquoise-db/turquoise/engines"

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
	if !p.Compared() {
		return engines.Parts{UndoNone: p.NotCompared()}, nil
	}
	order, err := p.Order()
	if err != nil {
		return engines.Parts{}, err
	}
	if len(order.Tables) == 0 {
		for _, db := range p.moved() {
			order.Tables = append(order.Tables, db+".*")
		}
	}
	order.Except = append(order.Except, p.Lists["exclude"]...)
	return engines.Parts{Actions: []engines.Action{engines.CompareAction(order)},
		Undo: engines.Undoing(1, p.unfollow())}, nil
}

// compareProve is the proof inside the window.
func (p plan) compareProve() (engines.Parts, error) { return p.Prove() }

func (p plan) unfollow() engines.Action {
	return engines.CompareAction(engines.CompareOrder{Do: engines.CompareEnd, Back: p.From == engines.GreenSide})
}

// compareDrop ends following.
func (p plan) compareDrop() (engines.Parts, error) {
	if !p.Compared() {
		return engines.Parts{UndoNone: p.NotCompared()}, nil
	}
	return engines.Parts{Actions: []engines.Action{p.unfollow()},
		UndoNone: "the comparison is made anew by its own step"}, nil
}
