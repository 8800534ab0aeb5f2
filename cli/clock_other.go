//go:build !linux

package cli

import "github.com/turquoise-db/turquoise/audit/entries"

// systemClock: this system does not say how far its clock can be trusted.
func systemClock() (entries.ClockState, bool) { return entries.ClockState{Source: "unknown"}, false }
