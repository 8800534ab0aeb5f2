package cli

import (
	"golang.org/x/sys/unix"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// systemClock asks the kernel how far it trusts its own clock (adjtimex(2)), and
// whether something keeps it in step.
func systemClock() (entries.ClockState, bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return entries.ClockState{Source: "unknown"}, false
	}
	offset := t.Offset
	if t.Status&unix.STA_NANO != 0 {
		offset /= 1000
	}
	return entries.ClockState{EstErrorUS: t.Esterror, MaxErrorUS: t.Maxerror, OffsetUS: offset, Source: "adjtimex"},
		state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}
