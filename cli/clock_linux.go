package cli

import (
	"time"

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

// steadyClock counts by a clock that nobody sets and that goes on while the machine
// sleeps: a lid that was shut is no jump of the wall clock.
func steadyClock() func() time.Duration {
	return func() time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
			panic("bug: the kernel has no boot clock: " + err.Error()) // since Linux 2.6.39
		}
		return time.Duration(t.Nano())
	}
}
