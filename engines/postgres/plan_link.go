package postgres

import (
	"errors"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// errConninfo is a missing or unusable description of the way between servers.
var errConninfo = errors.New("no key/value connection string without a password")

// errMargin is a margin that is no number of increments.
var errMargin = errors.New("margin is not a positive number")

// Limits of waits for a worker. A worker's restart is throttled for 5 s on
// PostgreSQL 15 and older; stopping took up to a second.
const (
	stopLimit   = 10 * time.Second
	startLimit  = 20 * time.Second
	workerEvery = 20 * time.Millisecond
)

// attachCopyLimit: the slot waits for every transaction that was open when it
// was asked for.
const attachCopyLimit = 60 * time.Second

// slotLimit keeps an open transaction from holding up the window: past it there
// is no slot, and the freeze is taken back.
const slotLimit = 3 * time.Second

// subscribe is the CREATE SUBSCRIPTION of a link, with the options that the
// subscriber's version knows.
func (p plan) subscribe(l link, options string) (string, error) {
	conn, err := p.conninfo(l.from)
	if err != nil {
		return "", err
	}
	if !strings.Contains(conn, "connect_timeout") {
		conn += " connect_timeout=5"
	}
	major := p.Known[l.to].Major
	if major >= 14 {
		options += ", streaming = on"
	}
	if major >= 15 {
		// A conflict stops the worker, visibly, instead of a crash every 5 s.
		options += ", disable_on_error = true"
	}
	if major >= 16 {
		options += ", origin = none"
	}
	return "CREATE SUBSCRIPTION " + ident(l.sub) + "\n CONNECTION " +
		lit(conn+" password=${secret:repl} application_name="+l.sub) + "\n PUBLICATION " + ident(l.pub) +
		"\n WITH (" + options + ", slot_name = " + lit(l.slot) + ")", nil
}

func subscribed(l link, enabled string) *engines.Proof {
	return engines.Ask(l.to, "the subscription stands", `SELECT subenabled, subslotname FROM pg_catalog.pg_subscription WHERE subname = `+lit(l.sub)+
		` AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`, enabled+" / "+l.slot)
}

func slotStands(l link) *engines.Proof {
	return engines.Ask(l.from, "the slot stands", `SELECT plugin, database = current_database() FROM pg_catalog.pg_replication_slots WHERE slot_name = `+
		lit(l.slot), "pgoutput / t")
}

// noSlot must hold before a link is made: an old slot would replay what it kept.
func noSlot(l link) engines.Action {
	return engines.Checked(l.from, "no slot "+l.slot+" yet", `SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_name = `+lit(l.slot), "0")
}

func workerRuns(l link) *engines.Proof {
	return engines.Until(engines.Ask(l.to, "the worker of "+l.sub+" runs", `SELECT count(*) FROM pg_catalog.pg_stat_subscription WHERE subname = `+lit(l.sub)+
		` AND relid IS NULL AND pid IS NOT NULL`, "1"), workerEvery, startLimit)
}

// attachCopy makes slot, subscription and the copy of all tables.
func (p plan) attachCopy() (engines.Parts, error) {
	l := p.ahead()
	text, err := p.subscribe(l, "copy_data = true, create_slot = true, enabled = true")
	if err != nil {
		return engines.Parts{}, err
	}
	a := engines.Proven(engines.Act(l.to, "subscription "+l.sub+" with a copy of all tables", text), subscribed(l, "t"))
	a.Limit = attachCopyLimit
	return engines.Parts{Actions: []engines.Action{noSlot(l), a}, After: []engines.Proof{*slotStands(l), *workerRuns(l)},
		Undo: engines.Undoing(2, unlink(l)...)}, nil
}

// attachDefine makes the subscription alone, for a slot that comes later.
func (p plan) attachDefine() (engines.Parts, error) { return p.define(p.ahead()) }

func (p plan) reverseDefine() (engines.Parts, error) { return p.define(p.back()) }

// define proves name, network and login in time: the server connects once to
// list the published tables. synchronous_commit is set here, so that the
// positions of a later switch over this link follow commits at once.
func (p plan) define(l link) (engines.Parts, error) {
	text, err := p.subscribe(l, "connect = true, copy_data = false, create_slot = false, enabled = false, synchronous_commit = 'on'")
	if err != nil {
		return engines.Parts{}, err
	}
	a := engines.Proven(engines.Act(l.to, "subscription "+l.sub+", disabled", text), subscribed(l, "f"))
	// A missing publication is only a warning, or silence, to the subscriber.
	pub := engines.Proven(engines.Act(l.from, "publication "+l.pub+" is there", published(l).Text), published(l))
	return engines.Parts{Actions: []engines.Action{noSlot(l), pub, a}, Undo: engines.Undoing(3, unsubscribe(l))}, nil
}

// unsubscribe parts the subscription from its slot before it drops it, in one
// statement: so it works whether or not the other server can be reached, and
// the slot has an action and a proof of its own.
func unsubscribe(l link) engines.Action {
	s := ident(l.sub)
	here := `SELECT count(*) FROM pg_catalog.pg_subscription WHERE subname = ` + lit(l.sub) +
		` AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())`
	text := body("BEGIN\n  IF (" + here + ") = 1 THEN\n    ALTER SUBSCRIPTION " + s + " DISABLE;\n    ALTER SUBSCRIPTION " + s +
		" SET (slot_name = NONE);\n    DROP SUBSCRIPTION " + s + ";\n  END IF;\nEND")
	return engines.Proven(engines.Act(l.to, "drop subscription "+l.sub, text), engines.Ask(l.to, "the subscription is gone", here, "0"))
}

// unslot drops the slot when its sender is gone; one that is still read is left
// alone and the proof fails.
func unslot(l link) []engines.Action {
	busy := `SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_name = ` + lit(l.slot) + ` AND active`
	idle := engines.Proven(engines.Act(l.from, "nobody reads slot "+l.slot, busy), engines.Until(engines.Ask(l.from, "nobody reads the slot", busy, "0"), workerEvery, stopLimit))
	return []engines.Action{idle, dropSlot(l)}
}

func dropSlot(l link) engines.Action {
	return engines.Proven(engines.Act(l.from, "drop slot "+l.slot, `SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_catalog.pg_replication_slots WHERE slot_name = `+
		lit(l.slot)+` AND NOT active`), engines.Ask(l.from, "the slot is gone",
		`SELECT count(*) FROM pg_catalog.pg_replication_slots WHERE slot_name = `+lit(l.slot), "0"))
}

func unlink(l link) []engines.Action { return append([]engines.Action{unsubscribe(l)}, unslot(l)...) }

func (p plan) attachDrop() (engines.Parts, error) {
	return engines.Parts{Actions: unlink(p.ahead()), UndoNone: "attach it again, with a new copy"}, nil
}

// steady shortens the catch-up: with synchronous apply the confirmed position
// follows a commit in a millisecond instead of up to 0.4 s. Statistics are not
// replicated.
func (p plan) steady() (engines.Parts, error) {
	l := p.ahead()
	set := func(v string) engines.Action {
		return engines.Proven(engines.Act(l.to, "synchronous apply "+v, "ALTER SUBSCRIPTION "+ident(l.sub)+" SET (synchronous_commit = "+lit(v)+")"),
			engines.Ask(l.to, "synchronous apply is "+v, `SELECT subsynccommit FROM pg_catalog.pg_subscription WHERE subname = `+lit(l.sub), v))
	}
	stats := engines.Proven(engines.Act(l.to, "statistics", "ANALYZE"), engines.Ask(l.to, "tables without statistics",
		`SELECT count(*) FROM pg_catalog.pg_stat_user_tables WHERE n_live_tup > 0 AND last_analyze IS NULL`, "0"))
	// Below 15 the counters reach the view up to half a second later.
	stats.Proof = engines.Until(stats.Proof, 100*time.Millisecond, 5*time.Second)
	return engines.Parts{Actions: []engines.Action{set("on"), stats}, Undo: engines.Undoing(1, set("off"))}, nil
}

// reverseSlot is where the way back begins: after the freeze, before writes.
// Dropping it again must not keep clients waiting, so it is marked to run last.
func (p plan) reverseSlot() (engines.Parts, error) {
	l := p.back()
	a := engines.Proven(engines.Act(l.from, "slot "+l.slot+": the way back begins here",
		"SELECT lsn FROM pg_create_logical_replication_slot("+lit(l.slot)+", 'pgoutput')"), slotStands(l))
	a.Limit = slotLimit
	a.Captures = []engines.Capture{{Var: "rev_slot_lsn"}}
	clean := dropSlot(l)
	clean.Title = "clean up: " + clean.Title
	clean.Undoes = 2
	undo := dropSlot(l)
	undo.Undoes = 2
	return engines.Parts{Actions: []engines.Action{noSlot(l), a}, Undo: []engines.Action{undo}, Abort: []engines.Action{clean}}, nil
}

// reverseEnable turns the link on once the other direction is off: both at once
// send each change round in a circle.
func (p plan) reverseEnable() (engines.Parts, error) {
	l, f := p.back(), p.ahead()
	off := linkOff(f)
	wait := engines.Proven(engines.Act(f.to, "the other direction is off", off), engines.Until(engines.Ask(f.to, "the other direction is off", off, "0"), workerEvery, stopLimit))
	a := engines.Proven(engines.Act(l.to, "subscription "+l.sub+" on", "ALTER SUBSCRIPTION "+ident(l.sub)+" ENABLE"), subscribed(l, "t"))
	slot := engines.Proven(engines.Act(l.from, "slot "+l.slot+" is there", slotStands(l).Text), slotStands(l))
	return engines.Parts{Actions: []engines.Action{wait, slot, a}, After: []engines.Proof{*workerRuns(l)},
		Undo: engines.Undoing(3, disable(l))}, nil
}

func (p plan) reverseDrop() (engines.Parts, error) {
	l := p.back()
	return engines.Parts{Actions: append(unlink(l), unpublish(l)), UndoNone: "the link back is made again by its own steps"}, nil
}

// linkOff counts a subscription that is enabled or whose worker still lives.
func linkOff(l link) string {
	return `SELECT count(*) FROM pg_catalog.pg_subscription s LEFT JOIN pg_catalog.pg_stat_subscription w ON w.subid = s.oid
 WHERE s.subname = ` + lit(l.sub) + ` AND (s.subenabled OR w.pid IS NOT NULL)`
}

// disable stops a subscription and waits until its worker has let go. One that
// is not there is off: a way back may begin after it was dropped.
func disable(l link) engines.Action {
	text := body("BEGIN\n  IF EXISTS (SELECT FROM pg_catalog.pg_subscription WHERE subname = " + lit(l.sub) + ") THEN\n    ALTER SUBSCRIPTION " +
		ident(l.sub) + " DISABLE;\n  END IF;\nEND")
	return engines.Proven(engines.Act(l.to, "subscription "+l.sub+" off", text),
		engines.Until(engines.Ask(l.to, "subscription on, or its worker alive", linkOff(l), "0"), workerEvery, stopLimit))
}

func (p plan) detachDisable() (engines.Parts, error) {
	l := p.ahead()
	on := engines.Proven(engines.Act(l.to, "subscription "+l.sub+" on", "ALTER SUBSCRIPTION "+ident(l.sub)+" ENABLE"), subscribed(l, "t"))
	return engines.Parts{Actions: []engines.Action{disable(l)}, Undo: engines.Undoing(1, on)}, nil
}

func (p plan) detachDrop() (engines.Parts, error) {
	return engines.Parts{Actions: unlink(p.ahead()), UndoNone: "the way back makes its own link"}, nil
}

// closeWay gives up the way back: the link to the side that had the writes, and
// the publications of both directions.
func (p plan) closeWay() (engines.Parts, error) {
	l := p.back()
	return engines.Parts{Actions: append(unlink(l), unpublish(l), unpublish(p.ahead())), UndoNone: "the way back ends here"}, nil
}
