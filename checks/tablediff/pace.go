package tablediff

import (
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Limits are what a comparison may take of the servers. They may change while it
// runs.
type Limits = engines.ComparePace

// Order is what the load law says.
type Order int

// The orders. Hold is the zero value: a load nobody read is no leave to go on.
const (
	Hold Order = iota
	Go
	Stop
)

// Pace applies the load law: pause above one level, stop above another one that
// is seen twice in a row. One peak does not throw away an hour's work.
type Pace struct{ critical int }

// Next judges the load of both sides. An error means that it could not be read.
func (p *Pace) Next(l Limits, loads map[string]engines.Load, err error) (Order, string) {
	if err != nil {
		return Hold, "the load cannot be read: " + err.Error()
	}
	order, why := Go, ""
	critical := false
	for _, side := range []string{"blue", "green"} {
		load, ok := loads[side]
		if !ok {
			return Hold, "the load of " + side + " was not read"
		}
		switch {
		case l.Critical > 0 && load.Active > l.Critical:
			critical = true
			order, why = Hold, fmt.Sprintf("%s has %d active sessions, critical is %d", side, load.Active, l.Critical)
		case l.Max > 0 && load.Active > l.Max:
			order, why = Hold, fmt.Sprintf("%s has %d active sessions, at most %d", side, load.Active, l.Max)
		case l.Waiting > 0 && load.Waiting > l.Waiting:
			order, why = Hold, fmt.Sprintf("%s has %d sessions that wait for a lock, at most %d", side, load.Waiting, l.Waiting)
		}
	}
	if !critical {
		p.critical = 0
		return order, why
	}
	if p.critical++; p.critical >= 2 {
		return Stop, why + ", seen twice"
	}
	return order, why
}

// Progress is how far a comparison is.
type Progress struct {
	Phase   string // "reading", "settling", "schema"
	Table   string // one of those at work
	Parts   int
	Done    int
	Rows    int64 // compared so far, on one side
	Total   int64 // by the server's estimate
	Differ  int   // rows that differ or are still moving
	Elapsed time.Duration
	Held    string // why it stands still; empty if it does not
	Workers int
}

// Rate is rows per second on one side.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Rows) / p.Elapsed.Seconds()
}

// ETA is how long the rest takes at the present rate; ok is false while nobody
// can say.
func (p Progress) ETA() (d time.Duration, ok bool) {
	rate := p.Rate()
	if rate <= 0 || p.Total <= 0 || p.Phase != "reading" {
		return 0, false
	}
	left := max(p.Total-p.Rows, 0)
	return time.Duration(float64(left) / rate * float64(time.Second)), true
}
