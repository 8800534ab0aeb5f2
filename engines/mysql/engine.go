package mysql

import "github.com/turquoise-db/turquoise/engines"

// Name is the engine's name in runbooks, for both products.
const Name = "mysql"

// Engine returns the row of the registry.
func Engine() engines.Engine {
	return engines.Engine{
		Name:    Name,
		Planner: Planner{},
		Open:    func(o engines.OpenRequest) (engines.Conn, error) { return Open(o) },
		OpenReader: func(o engines.OpenRequest) (engines.Reader, error) {
			return OpenReader(o)
		},
		OpenComparer: func(o engines.OpenRequest) (engines.Comparer, error) { return OpenComparer(o) },
		OpenTracker: func(o engines.OpenRequest, t engines.TrackRequest) (engines.Tracker, error) {
			return OpenTracker(o, t)
		},
		Digests: Digests,
		Repair:  Repair,
		Names: engines.Names{Title: "MySQL", Link: "worker_state", LinkBack: "rev_worker_state", WayBack: "rev_log_state",
			Room: "log_room_minutes", Position: varPosition},
		Forms: sqlForm,
	}
}
