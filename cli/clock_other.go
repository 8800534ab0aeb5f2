//go:build !linux

package cli

import (
	"time"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// systemClock: this system does not say how far its clock can be trusted.
func systemClock() (entries.ClockState, bool) { return entries.ClockState{Source: "unknown"}, false }

// steadyClock counts from now by a clock that nobody sets. Here it may stand still
// while the machine sleeps, which the record then tells as a jump of the wall clock.
func steadyClock() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
