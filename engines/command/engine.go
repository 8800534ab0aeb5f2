package command

import "github.com/turquoise-db/turquoise/engines"

// Name is the engine's name in runbooks.
const Name = "command"

// Engine returns the row of the registry.
func Engine() engines.Engine {
	return engines.Engine{
		Name:    Name,
		Planner: Planner{},
		Open:    func(o engines.OpenRequest) (engines.Conn, error) { return Open(o) },
		OpenReader: func(o engines.OpenRequest) (engines.Reader, error) {
			return OpenReader(o)
		},
	}
}
