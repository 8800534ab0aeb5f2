package mysql

import "github.com/turquoise-db/turquoise/engines"

// persisted proves what a restart of MySQL will do.
func persisted(on engines.TargetID, name, want string) *engines.Proof {
	return engines.Ask(on, "a restart keeps "+name+" "+want, "SELECT variable_value FROM performance_schema.persisted_variables WHERE variable_name = "+lit(name), want)
}

// shut closes a side for applications, also after a restart where the product can
// keep a setting: read_only by SET GLOBAL is gone with the next start.
func (p plan) shut(on engines.TargetID) []engines.Action {
	if p.of(on).maria {
		return []engines.Action{p.closeSide(on)}
	}
	return []engines.Action{engines.Proven(engines.Act(on, "close "+string(on)+" for everybody, also after a restart", "SET PERSIST super_read_only = ON"),
		engines.Ask(on, "it is closed", "SELECT @@global.super_read_only, @@global.read_only", "1 / 1")),
		engines.Proven(engines.Act(on, "what a restart will do", persisted(on, "super_read_only", "ON").Text), persisted(on, "super_read_only", "ON"))}
}

// lasting opens a side so that a restart keeps it open.
func (p plan) lasting(on engines.TargetID) []engines.Action {
	if p.of(on).maria {
		return []engines.Action{p.openSide(on)}
	}
	return []engines.Action{
		engines.Proven(engines.Act(on, "after a restart nobody is shut out", "SET PERSIST super_read_only = OFF"), persisted(on, "super_read_only", "OFF")),
		engines.Proven(engines.Act(on, "after a restart applications may write", "SET PERSIST read_only = OFF"), persisted(on, "read_only", "OFF")),
		engines.Checked(on, string(on)+" is open", "SELECT @@global.read_only, @@global.super_read_only", "0 / 0"),
	}
}

// guardOn closes the side that gets the writes, and ends what came in before.
func (p plan) guardOn() (engines.Parts, error) {
	as := append(p.shut(p.To), p.drain(p.To))
	return engines.Parts{Actions: append(as, p.eventsOff(p.To)...), Undo: engines.Undoing(1, p.lasting(p.To)...)}, nil
}

func (p plan) guardOff() (engines.Parts, error) {
	return engines.Parts{Actions: p.lasting(p.To), Undo: engines.Undoing(1, p.shut(p.To)...)}, nil
}

// lock keeps the side that had the writes closed. The link back writes all the
// same.
func (p plan) lock() (engines.Parts, error) {
	return engines.Parts{Actions: p.shut(p.From), Undo: engines.Undoing(1, p.lasting(p.From)...)}, nil
}

// persist makes the side that has the writes now stay open over a restart.
func (p plan) persist() (engines.Parts, error) {
	return engines.Parts{Actions: p.lasting(p.On), UndoNone: "the side has the writes; closing it again is the way back"}, nil
}

const eventsRun = "SELECT @@global.event_scheduler"

// eventsOff keeps events from running on a side. MariaDB asks for SUPER, which
// our account does not have: there it is looked at, and a person acts.
func (p plan) eventsOff(on engines.TargetID) []engines.Action {
	if p.of(on).maria {
		return []engines.Action{engines.Checked(on, "events do not run on "+string(on), eventsRun+" <> 'ON'", "1")}
	}
	return []engines.Action{engines.Proven(engines.Act(on, "events do not run on "+string(on), "SET PERSIST event_scheduler = OFF"), engines.Ask(on, "the scheduler is off", eventsRun, "OFF"))}
}

// quietOn stops events where the writes are: one that is cut by the window has
// done half of its work. What the scheduler was is kept for the other side.
func (p plan) quietOn() (engines.Parts, error) {
	read := engines.Act(p.On, "whether events run", eventsRun)
	read.Captures = []engines.Capture{{Var: p.varEvents()}}
	if !p.of(p.On).maria {
		// Asked only while they run: a cockpit that died behind the stop would take
		// its own OFF for what was before, and events would stay off for ever.
		read.Only = engines.Ask(p.On, "events run", eventsRun, "ON")
	}
	out := engines.Parts{Actions: append([]engines.Action{read}, p.eventsOff(p.On)...)}
	if p.of(p.On).maria {
		out.UndoNone = "reads only: a person switches events"
		return out, nil
	}
	out.Undo = engines.Undoing(1, p.eventsAsBefore(p.On))
	return out, nil
}

// varEvents is what the scheduler was on the side that the writes leave.
func (p plan) varEvents() string { return "events_before_" + string(p.From) }

func (p plan) eventsAsBefore(on engines.TargetID) engines.Action {
	a := engines.Proven(engines.Act(on, "events as they were", "SET PERSIST event_scheduler = $1"), engines.Ask(on, "the scheduler is as it was", eventsRun+" = $1", "1"))
	return bound(a, engines.Bind{Var: p.varEvents(), Why: "event_scheduler before the window"})
}

// quietOff lets events run where the writes are now, if they ran before. Nothing
// is known of them where they did not run, or were never stopped, as in a cutover
// that is abandoned early; then they are looked at and left alone.
func (p plan) quietOff() (engines.Parts, error) {
	if _, stopped := p.Vars[p.varEvents()]; !stopped || p.of(p.On).maria {
		read := engines.Act(p.On, "events were not switched: whether they run", eventsRun)
		read.Captures = []engines.Capture{{Var: "events_" + string(p.On)}}
		return engines.Parts{Actions: []engines.Action{read}, UndoNone: "reads only"}, nil
	}
	return engines.Parts{Actions: []engines.Action{p.eventsAsBefore(p.On)}, Undo: engines.Undoing(1, p.eventsOff(p.On)...)}, nil
}
