package mysql

import (
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// reverseStart turns the link round under the freeze: nothing is written on
// either side, so where the way back begins is where everything ends. A token
// that travels back proves it before applications may write.
func (p plan) reverseStart() (engines.Parts, error) {
	var out engines.Parts
	do := func(as ...engines.Action) int {
		out.Actions = append(out.Actions, as...)
		return len(out.Actions)
	}
	back := p.Token() + ".r"
	stopped := do(p.halt(p.To))
	defined := 0
	if !p.byID() {
		a, err := p.define(p.From, p.To, engines.Bind{Var: varToFile, Why: "log file of " + string(p.To) + " before its first write, read after the catch-up"},
			engines.Bind{Var: varToOffset, Why: "position of " + string(p.To) + " before its first write, read after the catch-up"})
		if err != nil {
			return engines.Parts{}, err
		}
		defined = do(a)
	}
	if p.byID() && p.d.maria {
		do(p.follow(p.From, p.freezePosition()))
	}
	started := do(p.begin(p.From))
	opened := 0
	if !p.of(p.To).maria {
		opened = do(engines.Proven(engines.Act(p.To, "let our own account write on "+string(p.To), "SET GLOBAL super_read_only = OFF"),
			engines.Ask(p.To, "applications may not", "SELECT @@global.super_read_only, @@global.read_only", "0 / 1")))
	}
	sent := do(p.write(p.To, back))
	do(p.arrives(p.From, back, p.Duration("token_limit", threadLimit)))

	if opened > 0 {
		out.Abort = append(out.Abort, engines.Undoing(opened, p.closeSide(p.To))...)
	}
	out.Abort = append(out.Abort, p.unreverse(sent, started, defined)...)
	out.Abort = append(out.Abort, engines.Undoing(stopped, p.begin(p.To))...)
	out.Undo = append([]engines.Action(nil), out.Abort...)
	return out, nil
}

// unreverse brings our own tokens back to the side that had the writes, and then
// stops the link. Skipped, a strict MariaDB would give their numbers out twice
// and its replica would have to be built again; a MySQL keeps the token on one
// side only, which harms nothing.
func (p plan) unreverse(sent, started, defined int) []engines.Action {
	read := p.position(p.To, "what "+string(p.To)+" has written itself", varBackPosition)
	out := engines.Undoing(sent, read...)
	limit := p.Duration("token_limit", threadLimit)
	wait := p.waitFor(p.From, varBackPosition, "position of "+string(p.To)+", read before", limit)
	if !p.of(p.From).maria && p.byID() {
		wait.Proof, wait.Captures = nil, []engines.Capture{{Var: "taken_back_timed_out"}}
	}
	out = append(out, engines.Undoing(sent, wait)...)
	out = append(out, engines.Undoing(started, p.halt(p.From))...)
	if defined > 0 {
		out = append(out, engines.Undoing(defined, p.forget(p.From))...)
	}
	if p.byID() && p.d.maria {
		out = append(out, engines.Undoing(sent, p.follow(p.To, engines.Bind{Var: varBackPosition, Why: "position of " + string(p.To) + ", read before"}))...)
	}
	return out
}

// write commits a token. One that is already there is an error, not a success:
// it could be from another attempt.
func (p plan) write(on engines.TargetID, token string) engines.Action {
	return engines.Proven(engines.Act(on, "token "+token, "INSERT INTO tqctl.fence (token) VALUES ("+lit(token)+")"), seen(on, token))
}

func seen(on engines.TargetID, token string) *engines.Proof {
	return engines.Ask(on, "token "+token+" is there", "SELECT COUNT(*) FROM tqctl.fence WHERE token = "+lit(token), "1")
}

// arrives waits for a token that was written on the other side.
func (p plan) arrives(on engines.TargetID, token string, limit time.Duration) engines.Action {
	pr := engines.Until(seen(on, token), tokenEvery, limit)
	return engines.Proven(engines.Act(on, "token "+token+" has arrived", pr.Text), pr)
}

const tokenEvery = 2 * time.Millisecond

// Names of captured positions. By ids the first of each pair holds them all; by
// file and position it is the file.
const (
	varPosition     = "freeze_position"
	varOffset       = "freeze_offset"
	varToFile       = "reverse_position"
	varToOffset     = "reverse_offset"
	varBackPosition = "taken_back_position"
)

func offsetOf(v string) string {
	switch v {
	case varPosition:
		return varOffset
	case varToFile:
		return varToOffset
	}
	return v + "_offset"
}

func (p plan) freezePosition() engines.Bind {
	return engines.Bind{Var: varPosition, Why: "freeze position, read on " + string(p.From) + " after the last writer was gone"}
}

// ownIDs is where a server stands in all that it has committed itself or applied.
// Servers put line feeds into it. An empty set would let every wait pass at once,
// so it reads as NULL, and nothing can be bound to that.
func (d dialect) ownIDs() string {
	return d.pick("NULLIF(REPLACE(@@global.gtid_executed, CHAR(10), ''), '')", "NULLIF(@@global.gtid_binlog_pos, '')")
}

// position reads where a side stands, under a name.
func (p plan) position(on engines.TargetID, title, name string) []engines.Action {
	d := p.of(on)
	if p.byID() {
		a := engines.Act(on, title, "SELECT "+d.ownIDs())
		a.Captures = []engines.Capture{{Var: name}}
		return []engines.Action{a}
	}
	a := engines.Act(on, title, kept(d.ownPosition(), "File", "Position"))
	a.Captures = []engines.Capture{{Var: name}, {Var: offsetOf(name), Column: 1}}
	return []engines.Action{a}
}

// reachedIDs asks whether a MariaDB has applied all of $1, without waiting.
const reachedIDs = "SELECT MASTER_GTID_WAIT($1, 0) = 0"

// waitFor waits on a side until it has applied all up to a captured position. The
// server's own function waits; NULL or a negative answer is no.
func (p plan) waitFor(on engines.TargetID, name, why string, limit time.Duration) engines.Action {
	d, secs := p.of(on), strconv.FormatFloat(limit.Seconds(), 'f', -1, 64)
	binds := []engines.Bind{{Var: name, Why: why}}
	var wait, reached string
	switch {
	case p.byID() && d.maria:
		wait, reached = "SELECT MASTER_GTID_WAIT($1, "+secs+")", reachedIDs
	case p.byID():
		wait, reached = "SELECT WAIT_FOR_EXECUTED_GTID_SET($1, "+secs+")", "SELECT GTID_SUBSET($1, @@global.gtid_executed)"
	default:
		f := d.waitPosition()
		wait, reached = "SELECT "+f+"($1, $2, "+secs+")", "SELECT COALESCE("+f+"($1, $2, 1) >= 0, 0)"
		binds = append(binds, engines.Bind{Var: offsetOf(name), Why: why})
	}
	a := engines.Proven(engines.Act(on, string(on)+" has applied all of it", wait), engines.Ask(on, "all of it is applied", reached, "1"))
	a.Limit = limit + 2*time.Second
	return bound(a, binds...)
}

// closeSide keeps everybody from writing, our own account too where the product
// can.
func (p plan) closeSide(on engines.TargetID) engines.Action {
	if p.of(on).maria {
		return engines.Proven(engines.Act(on, "close "+string(on), "SET GLOBAL read_only = ON"), engines.Ask(on, "it is closed", "SELECT @@global.read_only", "1"))
	}
	return engines.Proven(engines.Act(on, "close "+string(on)+" for everybody", "SET GLOBAL super_read_only = ON"),
		engines.Ask(on, "it is closed", "SELECT @@global.super_read_only, @@global.read_only", "1 / 1"))
}
