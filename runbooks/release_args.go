package runbooks

import (
	"fmt"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// attemptPause is the pause before a statement without its lock is sent again.
const attemptPause = 500 * time.Millisecond

// LockOf is how the statement of a step waits for its lock on a table, and
// whether the step says so.
func LockOf(args map[string]string, table string) (lock engines.Lock, given bool, err error) {
	lock = engines.Lock{Attempts: 1, Pause: attemptPause, Object: table}
	if n, err := strconv.Atoi(args[ArgAttempts]); err == nil && n > 0 {
		lock.Attempts = n
	}
	s := args[ArgLockTimeout]
	if s == "" {
		return lock, false, nil
	}
	lock.Wait, err = time.ParseDuration(s)
	if err != nil || lock.Wait < 0 || lock.Wait > 0 && lock.Wait < time.Millisecond {
		return lock, true, fmt.Errorf("lock_timeout %q", s)
	}
	return lock, true, nil
}

// BatchesOf is how the backfill of a step works: the largest batch, and the pause
// after one as a part of its own time.
func BatchesOf(args map[string]string) (most int, ratio float64, err error) {
	most, err = strconv.Atoi(args[ArgBatch])
	if err != nil || most < 1 {
		return 0, 0, fmt.Errorf("batch %q: no number of rows", args[ArgBatch])
	}
	if s := args[ArgPauseRatio]; s != "" {
		if ratio, err = strconv.ParseFloat(s, 64); err != nil {
			return 0, 0, fmt.Errorf("pause_ratio %q: no part of the batch's own time", s)
		}
		return most, ratio, nil
	}
	return most, usualRatio, nil
}

// usualRatio leaves a third of the time to others.
const usualRatio = 0.5
