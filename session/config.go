package session

import (
	"log/slog"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

// Config is all that a session depends on.
type Config struct {
	Book     *runbooks.Runbook
	Values   runbooks.Values
	Stepwise bool
	Engines  map[string]engines.Engine
	DSN      map[engines.TargetID]string            // secrets; never printed
	Params   map[engines.TargetID]map[string]string // of the targets, resolved
	Secrets  map[string]string                      // slot to value
	Dir      string                                 // of the record
	Sid      string
	Run      string // short id of the run; tokens and names are built from it
	Person   string
	People   People // who may sign; the zero value: nobody
	Scripted bool   // confirmations come from a script; the record says so
	LabOnly  bool   // refuse targets that are not of the lab
	Change   string
	// ChangeSaid is what else is known of the change; its Ticket is Change.
	ChangeSaid entries.Change
	Git        *entries.Git // where the runbook's file comes from; nil: not known
	// BreakLock is why the session of another cockpit is ended where it holds the
	// lock of a target; empty: such a session is refused.
	BreakLock string
	// Anchor starts what takes the heads of the record outside; nil: nobody outside
	// sees them.
	Anchor func(Anchored) Anchors
	// AnchorLimit is what a step that waits for a receipt waits at most; 0: ten seconds.
	AnchorLimit time.Duration
	// Emergency is a folder, best on another file system, for what must be written
	// when the record cannot be; empty: none.
	Emergency string
	Record    audit.Options // First, Secrets, Sid and Origin are filled in here
	Tool      Tool
	Host      entries.Host // the machine and login, as the record names them
	// Clock is what the system says about its own clock; nil where nobody can say.
	Clock func() (entries.ClockState, bool)
	// Disk is what is doubtful about the place of the record; nil: nobody looks.
	Disk  func(dir string) ([]audit.DiskConcern, error)
	Now   func() time.Time
	Every time.Duration // sampling interval; 0: one second
	Meter func() *Outage
	// Rehearsed are windows of earlier walks of this runbook; they and the gauges
	// give the predicted window.
	Rehearsed []Rehearsed
	Log       *slog.Logger
	// Deadman starts the process that takes a window back when this one dies or
	// falls silent inside it; nil: there is none.
	Deadman func() (Deadman, error)
	// Standby is the key of a dead-man, in its own process: what it writes is under
	// the endorsement that the operator gave that key ahead. Nil in a cockpit.
	Standby *audit.Standby
	// Crash, if set, is called with the name of each boundary that a crash test may
	// stop at, "4.1:main:after-send:2" or "5:before-outcome"; it is nil outside of tests.
	Crash func(point string)
	// Fail, if set, says which proof of which main action is to be taken as not
	// holding. It exists for rehearsals of the abort and is refused outside the lab.
	Fail func(action int) bool
}

// Tool names the running program for the record.
type Tool struct{ Version, Revision, ExeSHA256 string }

// sampleEvery is the interval of the gauges where nothing else is configured.
const sampleEvery = time.Second

func (c *Config) every() time.Duration {
	if c.Every > 0 {
		return c.Every
	}
	return sampleEvery
}

// crashAt names a boundary of a step to the crash test that may run.
func (s *Session) crashAt(id runbooks.StepID, point string) {
	if s.cfg.Crash != nil {
		s.cfg.Crash(string(id) + ":" + point)
	}
}
