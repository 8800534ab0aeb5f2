package engines

import (
	"strconv"
	"time"
)

// Planner is the pure half of an engine: it knows its dialect and no server. The
// same kind name means the same thing on every engine.
type Planner interface {
	// Supports reports whether the engine plans this kind and stage.
	Supports(kind, stage string) bool
	// Plan turns what is known into actions. Same request, same bytes. It
	// performs no I/O and reads no clock.
	Plan(r Request) (Parts, error)
	// GaugeNames lists the gauges the engine's Reader gives, for lint.
	GaugeNames() []string
}

// Request is what a planner knows.
type Request struct {
	Kind, Stage string
	Run         string // short run id; tokens are built from it
	Attempt     int
	On          TargetID
	From, To    TargetID // which side has the writes, which gets them
	Params      map[string]string
	Lists       map[string][]string
	Args        map[string]string
	Vars        map[string]string // captured values
	Known       map[TargetID]Identity
	Change      *SchemaChange // of a shared database; nil: there is none
	Limit       time.Duration // of the step; 0: it names none
	InBlock     bool          // the plan is part of a block: unknown values must be binds
}

// Param returns a parameter or the fallback.
func (r Request) Param(name, fallback string) string {
	if v := r.Params[name]; v != "" {
		return v
	}
	return fallback
}

// Engine is one row of the registry.
type Engine struct {
	Name    string
	Planner Planner
	// Open opens the executor's connection, session "" or a named second one.
	Open func(o OpenRequest) (Conn, error)
	// OpenReader opens the sampler's own connection; nil for engines without one.
	OpenReader func(o OpenRequest) (Reader, error)
	// OpenComparer opens a door for comparing data; nil for engines that cannot.
	OpenComparer func(o OpenRequest) (Comparer, error)
	// Names says which of the engine's own words the cockpit looks for.
	Names Names
	// Forms turns a secret into the forms that plan texts need besides the value
	// itself, by suffix: "_scram" for a verifier. nil: the value is enough.
	Forms func(secret string) (map[string]string, error)
	// Digests and Repair come with OpenComparer.
	Digests Digests
	Repair  Repair
	// OpenTracker follows the changes of tables.
	OpenTracker func(o OpenRequest, r TrackRequest) (Tracker, error)
}

// Names are the words of an engine that displays and alarms of the cockpit read:
// each engine has gauges of its own. An empty name: this engine has no such thing,
// and nothing is shown or raised for it.
type Names struct {
	// Title stands in front of a server's version: "PG".
	Title string
	// Link is a gauge of the side that receives; its text is "running" while the
	// link carries changes.
	Link string
	// LinkBack is the same for the link of the way back.
	LinkBack string
	// WayBack is a gauge of either side; its text is "lost" or "none" when what the
	// way back stands on is gone: it would lose data then.
	WayBack string
	// Room is a gauge of the side with the writes: minutes until what the way back
	// still needs is thrown away.
	Room string
	// Refuses says of a router that it cannot make clients wait: while no side has
	// them it turns them away.
	Refuses bool
	// Position is the captured value that holds the freeze position.
	Position string
}

// GreenSide is the side that a cutover moves to. What leads back from it carries
// names of its own.
const GreenSide TargetID = "green"

// Token marks the freeze: known when the plan is made, one per attempt. Going
// back has its own, or the row of the way there would be taken for it.
func (r Request) Token() string {
	t := r.Run + "." + strconv.Itoa(r.Attempt)
	if r.From == GreenSide {
		t += ".back"
	}
	return t
}

// Duration is a parameter of the runbook, or the fallback if it is not set.
func (r Request) Duration(name string, fallback time.Duration) time.Duration {
	if d, err := time.ParseDuration(r.Params[name]); err == nil && d > 0 {
		return d
	}
	return fallback
}
