package colours

import (
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// State is a place of a release. It is empty where nothing can be said.
type State string

// The states: blue serves; turquoise is deployed beside it; turquoise serves;
// both shapes are there; every row has both and they agree; green serves; the
// old shape is gone.
const (
	S0 State = "S0"
	S1 State = "S1"
	S2 State = "S2"
	S3 State = "S3"
	S4 State = "S4"
	S5 State = "S5"
	S6 State = "S6"
)

// Number is a count. The zero value is one that nobody could take.
type Number struct {
	N     int64
	Known bool
}

// Login says whether a role may log in.
type Login string

// The logins. The zero value is one that nobody read.
const (
	LoginUnknown Login = ""
	LoginOpen    Login = "open"
	LoginShut    Login = "shut"
)

// Mixed is what a router serves whose nodes or clients do not all get the same
// colour.
const Mixed = "mixed"

// mixedLimit is how long a router may serve two colours: nodes are switched one
// after the other within seconds, and what lasts longer is a node left behind.
const mixedLimit = 30 * time.Second

// Client is what is known of one colour's connections.
type Client struct {
	Sessions Number
	Login    Login
}

// Facts is what was measured. Missing or stale is the zero value.
type Facts struct {
	Live       string        // colour that the router serves, Mixed, or empty
	MixedFor   time.Duration // how long it has been Mixed
	Generation string        // engines.ShapeOld, …; empty if the catalog could not be read
	Clients    map[engines.Colour]Client
	Left       Number // rows that have no new shape yet
	Mismatch   Number // rows whose old shape is not what the new one says
	Unproven   Number // constraints on the new shape that were not validated yet
	Detail     Number // rows whose new shape knows more than the old one can hold
}

// Reading is the state and what stands against it.
type Reading struct {
	State     State    // of rest; while something moves, the one it came from is the left of Between
	Between   string   // "S2→S3" while something moves; empty at rest
	Conflicts []string // which two facts contradict each other
	Unknown   []string // what could not be read and would be needed
}

// Word is one word for a gauge: the state, what lies between two, CONFLICT or
// unknown. A gate on it is open at rest alone.
func (r Reading) Word() string {
	switch {
	case len(r.Conflicts) > 0:
		return "CONFLICT"
	case len(r.Unknown) > 0:
		return "unknown"
	case r.Between != "":
		return r.Between
	}
	return string(r.State)
}

// Classify says where a release stands. It is pure: same facts, same reading.
func Classify(f Facts) Reading {
	var r Reading
	if f.Live == "" {
		r.Unknown = append(r.Unknown, "which colour the router serves")
	}
	if f.Generation == "" {
		r.Unknown = append(r.Unknown, "the shape of the table")
	}
	r.Conflicts = conflicts(f)
	if len(r.Unknown) > 0 || len(r.Conflicts) > 0 {
		return r
	}
	switch f.Live {
	case Mixed:
		return moving(f, r)
	case string(engines.Blue):
		r.State = S0
		if f.Clients[engines.Turquoise].Sessions.N > 0 {
			r.State = S1
		}
		return known(r, f, engines.Turquoise)
	case string(engines.Turquoise):
		return turquoise(f, r)
	case string(engines.Green):
		return green(f, r)
	}
	r.Unknown = append(r.Unknown, fmt.Sprintf("what %q is, which the router serves", f.Live))
	return r
}

// known adds what is not known of a colour's sessions.
func known(r Reading, f Facts, ks ...engines.Colour) Reading {
	for _, k := range ks {
		if !f.Clients[k].Sessions.Known {
			r.Unknown = append(r.Unknown, "the sessions of "+string(k))
		}
	}
	return r
}

// moving is a router between two colours. Which two the shape of the table says:
// blue never meets both shapes, green never meets the old one.
func moving(f Facts, r Reading) Reading {
	r.State, r.Between = S1, "S1→S2"
	if f.Generation == engines.ShapeBoth {
		r.State, r.Between = S4, "S4→S5"
	}
	return r
}

func turquoise(f Facts, r Reading) Reading {
	blue := f.Clients[engines.Blue]
	switch f.Generation {
	case engines.ShapeOld:
		r.State = S2
		if blue.Sessions.N > 0 || blue.Login != LoginShut {
			r.State, r.Between = S1, "S1→S2"
		}
		if blue.Login == LoginUnknown {
			r.Unknown = append(r.Unknown, "whether blue may log in")
		}
		return known(r, f, engines.Blue)
	case engines.ShapePartial:
		r.State, r.Between = S2, "S2→S3"
		return known(r, f, engines.Blue)
	}
	r.State = S3
	if !f.Left.Known {
		r.Unknown = append(r.Unknown, "how many rows are left to fill")
	}
	if !f.Mismatch.Known {
		r.Unknown = append(r.Unknown, "how many rows disagree")
	}
	if !f.Unproven.Known {
		r.Unknown = append(r.Unknown, "whether the constraints on the new shape were validated")
	}
	if f.Left.N == 0 && f.Mismatch.N == 0 && f.Unproven.N == 0 {
		r.State = S4
	}
	return known(r, f, engines.Blue)
}

func green(f Facts, r Reading) Reading {
	switch f.Generation {
	case engines.ShapePartial:
		r.State, r.Between = S5, "S5→S6"
	case engines.ShapeNew:
		r.State = S6
	default:
		r.State = S5
	}
	return known(r, f, engines.Blue)
}

// conflicts lists pairs of facts that no release may ever show. Facts that are
// not known contradict nothing; they are missed elsewhere.
func conflicts(f Facts) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	shape := shapeWords(f.Generation)
	switch {
	case shape == "":
	case f.Live == string(engines.Blue) && f.Generation != engines.ShapeOld:
		say("the router serves blue, and the table has %s, which blue does not know", shape)
	case f.Live == string(engines.Green) && f.Generation == engines.ShapeOld:
		say("the router serves green, and the table has only the old shape, which green does not know")
	case f.Live == string(engines.Turquoise) && f.Generation == engines.ShapeNew:
		say("the router serves turquoise, and the table has only the new shape: turquoise needs the old one too")
	case f.Live == Mixed && f.MixedFor > mixedLimit:
		say("the router serves more than one colour for %s", f.MixedFor.Round(time.Second))
	case f.Live == Mixed && (f.Generation == engines.ShapePartial || f.Generation == engines.ShapeNew):
		say("the router serves more than one colour, and the table has %s", shape)
	}
	if b := f.Clients[engines.Blue].Sessions; b.N > 0 && shape != "" && f.Generation != engines.ShapeOld {
		say("%d sessions of blue are connected, and the table has %s, which blue does not know", b.N, shape)
	}
	if f.Generation == engines.ShapeNew {
		if t := f.Clients[engines.Turquoise].Sessions; t.N > 0 {
			say("%d sessions of turquoise are connected, and the table has only the new shape", t.N)
		}
	}
	if c := engines.Colour(f.Live); f.Clients[c].Login == LoginShut {
		say("the router serves %s, and the role of %s cannot log in", c, c)
	}
	return out
}

// shapeWords say what a generation means to a version of the application.
func shapeWords(generation string) string {
	switch generation {
	case engines.ShapeOld:
		return "the old shape"
	case engines.ShapeBoth:
		return "both shapes"
	case engines.ShapeNew:
		return "only the new shape"
	case engines.ShapePartial:
		return "a part of the new shape"
	}
	return ""
}

// WayBack says in one sentence whether there is a way back from a reading and
// what it costs; safe is false where it must not be walked as things are.
func WayBack(r Reading, f Facts, noDown []string) (text string, safe bool) {
	if len(r.Conflicts) > 0 {
		return "NOT SAFE: " + strings.Join(r.Conflicts, "; "), false
	}
	if len(r.Unknown) > 0 {
		return "NOT KNOWN: " + strings.Join(r.Unknown, ", "), false
	}
	switch r.State {
	case S0:
		return "nothing was changed", true
	case S1:
		switch {
		case r.Between != "" && f.Clients[engines.Blue].Login == LoginShut:
			return "safe: let blue log in, then requests to blue", true
		case r.Between != "": // turquoise has requests already
			return "safe: requests to blue", true
		}
		return "safe: undeploy turquoise", true
	case S2:
		if r.Between != "" { // blue must not meet a part of the new shape
			return "safe: drop what is there of the new shape, then let blue log in", true
		}
		return "safe: let blue log in, then requests to blue", true
	case S3, S4:
		if r.Between != "" { // green has requests already
			return wayFromGreen(r, f, noDown)
		}
		if !f.Detail.Known {
			return "safe for the old shape; how much detail of green would be lost is not known", true
		}
		if f.Detail.N == 0 {
			return "safe: drop the new shape", true
		}
		return fmt.Sprintf("safe: drop the new shape, loses the detail of %d rows", f.Detail.N), true
	case S5:
		return wayFromGreen(r, f, noDown)
	}
	return "NONE: restore from the backup, loses what was written since", false
}

func wayFromGreen(r Reading, f Facts, noDown []string) (string, bool) {
	switch {
	case r.Between == "S5→S6":
		return "NONE: the old shape is going", false
	case !f.Mismatch.Known:
		return "NOT KNOWN: how many rows disagree", false
	case f.Mismatch.N > 0:
		return fmt.Sprintf("NOT SAFE: %d rows differ", f.Mismatch.N), false
	case f.Clients[engines.Turquoise].Login == LoginShut:
		return "safe: let turquoise log in, then requests to turquoise", true
	case len(noDown) > 0:
		return "safe until " + strings.Join(noDown, " or ") + " is switched on: requests to turquoise", true
	}
	return "safe: requests to turquoise", true
}

// Loses says in a few words what the way back from a reading costs.
func Loses(r Reading, f Facts) string {
	switch {
	case len(r.Conflicts) > 0 || len(r.Unknown) > 0:
		return "nobody can say what"
	case r.State == S3 || r.State == S4:
		if !f.Detail.Known {
			return "what only the new shape holds"
		}
		if f.Detail.N > 0 {
			return fmt.Sprintf("the detail of %d rows", f.Detail.N)
		}
	case r.State == S5 && r.Between == "" && f.Mismatch.N > 0:
		return fmt.Sprintf("what differs in %d rows", f.Mismatch.N)
	case r.State == S6 || r.Between == "S5→S6":
		return "what was written since the backup"
	}
	return "nothing"
}
