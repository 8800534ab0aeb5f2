package compare

import (
	"maps"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// State is what the screen shows of a follower.
type State struct {
	Read       bool  // every row was compared; else it is being read
	Rows       int64 // of blue, compared so far
	Tables     int
	Dirty      int // rows that were written and not seen equal since
	Failing    []engines.RowChange
	Foreign    int
	Strangers  []engines.RowChange // some of the rows that were written on green and not through replication
	Wholes     map[string]string
	Unfollowed map[string]string
	Left       []string      // not compared, with the operator's knowledge
	Behind     time.Duration // for how long a log has not been read up to where its server was
	Every      time.Duration // a log is busy and read so far apart; 0: all the time
	Verified   string        // position of blue up to which everything was verified
	VerifiedAt time.Time
	Progress   tablediff.Progress
	List       []TableState
	Lost       error
}

// TableState is how one table stands.
type TableState struct {
	Table       string
	Rows, Total int64 // compared of blue, and the servers' estimate
	Rate        float64
	Parts, Done int
	Suspects    int // rows that differed when they were read, and have to be looked at again
	Dirty       int
	Differ      int
	Whole       string // why it is compared as a whole; empty if by key
	Key         []string
}

// State of this moment. It may be asked while the first comparison is still
// reading.
func (w *Follower) State() State {
	p := w.r.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ch == nil {
		return State{Progress: p}
	}
	n, foreign := w.ch.Foreign()
	if w.read {
		p.Held = w.yield.why
	}
	s := State{Read: w.read, Tables: len(w.names), Dirty: w.ch.Open(), Failing: w.ch.Failing(looksFailed, 20), Foreign: n, Strangers: foreign[:min(len(foreign), 20)],
		Wholes: w.ch.Wholes(), Unfollowed: w.ch.Unfollowed(), Left: w.Left(), Behind: w.behind(w.f.Now()), Every: max(w.every(0), w.every(1)), Verified: w.verified, VerifiedAt: w.verifiedAt, Progress: p, Lost: w.lost}
	dirty := w.ch.OpenOf()
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	for _, t := range w.r.tables {
		x := TableState{Table: t.Label(), Rows: t.report.BlueRows, Total: t.Rows, Parts: t.report.Parts, Done: t.report.Parts - t.left, Suspects: len(t.suspects),
			Dirty: dirty[t.Label()], Whole: s.Wholes[t.Label()], Key: t.Key}
		if took := w.f.Now().Sub(t.began); !t.began.IsZero() && took > 0 && t.left > 0 {
			x.Rate = float64(x.Rows) / took.Seconds()
		}
		for _, f := range s.Failing {
			if f.Table == x.Table {
				x.Differ++
			}
		}
		s.Rows += x.Rows
		s.List = append(s.List, x)
	}
	return s
}

// now is how far the reading is.
func (r *runner) now() tablediff.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.prog
	p.Elapsed, p.Held, p.Workers = r.o.Now().Sub(r.began), r.held, min(r.o.Limits().Workers, mostWorkers)
	return p
}

// Doubts is how many things stand against the data being equal at the next
// freeze: rows that differ and do not move, following that was lost, and logs that
// are read too late for the freeze to wait for them; a busy log that is read in
// batches is read all the time before a freeze. Rows on their way are none, nor is a
// write on green that left both sides alike: that one is told to people.
func (s State) Doubts() int {
	n := len(s.Failing)
	if s.Lost != nil || s.Behind > mostBehind+s.Every || !s.Read {
		n++
	}
	return n
}

// Left names what was not compared, and with the operator's knowledge: objects
// that were left out, and data that lies in no table.
func (w *Follower) Left() []string {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	var out []string
	for _, n := range w.r.report.Notes {
		if slices.Contains(w.f.Except, n.Object) {
			out = append(out, n.Object)
		}
	}
	return out
}

// Compared is what the first comparison read: rows of blue, and tables.
func (w *Follower) Compared() (rows int64, tables int) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	for _, t := range w.r.tables {
		rows += t.report.BlueRows
	}
	return rows, len(w.names)
}

// Unvouched lists what following cannot vouch for, with the reason: it is compared
// again in the freeze, or not at all.
func (s State) Unvouched() map[string]string {
	out := maps.Clone(s.Unfollowed)
	if out == nil {
		out = map[string]string{}
	}
	for n, why := range out {
		out[n] = why + ": compared as a whole at the freeze"
	}
	for n, why := range s.Wholes {
		if out[n] == "" {
			out[n] = why + ": compared as a whole"
		}
	}
	for _, n := range s.Left {
		out[n] = "left out: not compared"
	}
	return out
}
