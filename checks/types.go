package checks

import (
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Status of a gate.
type Status int

// The statuses. Unknown is the zero value: a verdict nobody computed keeps the
// gate closed.
const (
	Unknown Status = iota
	Fail
	Pass
)

// String returns the word for the record.
func (s Status) String() string {
	switch s {
	case Pass:
		return "pass"
	case Fail:
		return "fail"
	}
	return "unknown"
}

// Sample is one reading of a gauge at a time.
type Sample struct {
	Gauge engines.GaugeID
	At    time.Time // of the datum
	Took  time.Duration
	Value float64
	Unit  engines.Unit
	Text  string
	Err   error
}

// Verdict is the answer of a gate.
type Verdict struct {
	Gate   runbooks.Gate
	Status Status
	Is     string // what was seen, readable
	Held   time.Duration
	Reason string
	Basis  Sample
}
