package engines

import "errors"

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
