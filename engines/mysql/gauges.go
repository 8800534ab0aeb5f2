package mysql

import (
	"context"

	"github.com/turquoise-db/turquoise/engines"
)

// GaugeNames lists the gauges of this engine's Reader, for lint.
func (Planner) GaugeNames() []string { return nil }

// Gauges reads all gauges of the target.
func (r *Reader) Gauges(context.Context, engines.Scope) []engines.Reading { return nil }
