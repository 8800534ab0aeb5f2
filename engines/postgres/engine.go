package postgres

import "github.com/turquoise-db/turquoise/engines"

// Name is the engine's name in runbooks.
const Name = "postgres"

// Engine returns the row of the registry.
func Engine() engines.Engine {
	return engines.Engine{
		Name:    Name,
		Planner: Planner{},
		Open:    func(o engines.OpenRequest) (engines.Conn, error) { return Open(o) },
		OpenReader: func(o engines.OpenRequest) (engines.Reader, error) {
			return OpenReader(o)
		},
		Names: engines.Names{Title: "PG", Link: "worker_state", LinkBack: "rev_worker_state", WayBack: "rev_slot_state",
			Room: "wal_room_minutes", Position: "freeze_lsn"},
		Forms:        scramForm,
		OpenComparer: func(o engines.OpenRequest) (engines.Comparer, error) { return OpenComparer(o) },
		Digests:      Digests,
		Repair:       Repair,
		OpenTracker:  func(o engines.OpenRequest, r engines.TrackRequest) (engines.Tracker, error) { return OpenTracker(o, r) },
	}
}
