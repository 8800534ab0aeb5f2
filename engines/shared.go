package engines

import (
	"errors"
	"slices"
)

var (
	errNoChange = errors.New("the runbook has no schema")
	errColour   = errors.New("the colour has no role")
)

// Fault is why there is no plan for a request, and what to do about it.
func (r Request) Fault(err error, next string) error {
	return &Error{Op: "plan " + r.Kind, Object: string(r.On), Err: err, Next: next}
}

// Shared is the change of a database that versions of an application share.
func (r Request) Shared() (*SchemaChange, error) {
	if r.Change == nil {
		return nil, r.Fault(errNoChange, "add schema and colours to the runbook")
	}
	return r.Change, nil
}

// RoleOf is the login role of a colour.
func (r Request) RoleOf(colour string) (string, error) {
	c, err := r.Shared()
	if err != nil {
		return "", err
	}
	role, ok := c.Role(Colour(colour))
	if !ok {
		return "", r.Fault(errColour, "name blue, turquoise or green in args.colour, and its role in colours")
	}
	return role, nil
}

// AddReading adds a gauge of a target to a tick.
type AddReading func(name string, u Unit, v float64, word string, err error)

// Seen is who is connected to a shared database, and who may log in, by user.
type Seen struct {
	Sessions, Active map[string]int
	Logins           map[string]string // open or shut
	Err, LoginErr    error             // why sessions, or logins, could not be read
}

var errNoRole = errors.New("the colour has no role")

// Add gives the gauges of each version and of everybody whom the runbook does not
// name. user is the part of a role that sessions carry.
func (s Seen) Add(c *SchemaChange, user func(role string) string, add AddReading) {
	users := map[string]bool{}
	for _, colour := range Colours() {
		role, ok := c.Role(colour)
		who := user(role)
		users[who] = true
		serr, word, werr := s.Err, s.Logins[who], s.LoginErr
		switch {
		case !ok:
			serr, werr = errNoRole, errNoRole
		case word == "" && werr == nil:
			word = "missing"
		}
		add(string(colour)+"_sessions_count", Count, float64(s.Sessions[who]), "", serr)
		add(string(colour)+"_active_count", Count, float64(s.Active[who]), "", serr)
		add(string(colour)+"_login", Count, 0, word, werr)
	}
	unknown := 0
	for who, n := range s.Sessions {
		if !users[who] && !c.Named(who) {
			unknown += n
		}
	}
	add("unknown_sessions_count", Count, float64(unknown), "", s.Err)
}

// Read makes readings of the objects of a change, old, new and both in one list,
// from their states and the hashes of their definitions.
func (c *SchemaChange) Read(state func(i int) (state, hash string), usual func(Object) string) (old, latest, both []ObjectReading) {
	all := slices.Concat(c.Old, c.New, c.Both)
	rs := make([]ObjectReading, len(all))
	for i, o := range all {
		is, hash := state(i)
		rs[i] = ObjectReading{Object: o, Present: is != ObjectAbsent, Valid: is == usual(o)}
		if rs[i].Present {
			rs[i].Hash = hash
		}
	}
	n, m := len(c.Old), len(c.Old)+len(c.New)
	return rs[:n], rs[n:m], rs[m:]
}

// AddShape gives the gauges of a table's shape: its generation, which it returns,
// and a hash that changes whenever anybody changes one of the objects.
func AddShape(old, latest, both []ObjectReading, err error, add AddReading) string {
	generation, sum := "", ""
	if err == nil {
		generation, sum = Generation(old, latest, both), ShapeHash(old, latest, both)
	}
	add("generation", Count, 0, generation, err)
	add("shape", Count, 0, sum, err)
	return generation
}
