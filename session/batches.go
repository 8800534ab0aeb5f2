package session

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/checks/colours"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/steps"
)

const (
	// stretchBatches are one pair of lines in the record: a job of a hundred
	// thousand batches stays a record that a person can open.
	stretchBatches = 100
	// stretchTime ends a stretch of slow batches: what was done is on record at
	// least this often.
	stretchTime = time.Minute
)

// repeat sends a batch again and again until nothing is left. Each is a
// transaction of its own and moves its own checkpoint, so the job may stop, and
// go on, between any two of them.
func (x *execution) repeat(ctx context.Context, n int, a engines.Action) *failure {
	pace := colours.NewPace(a.Repeat.Most, a.Repeat.Ratio, a.Repeat.Slow)
	for {
		if f := x.calm(ctx, n); f != nil {
			return f
		}
		over, f := x.stretch(ctx, n, a, pace)
		if f != nil {
			return f
		}
		if over {
			return x.proven(n, a, nil, engines.Done)
		}
	}
}

// calm waits until a batch may go: the walk is not held, and every gate before
// the step is open, as it was when the step began.
func (x *execution) calm(ctx context.Context, n int) *failure {
	said := ""
	for {
		why, leave := x.standstill()
		switch {
		case ctx.Err() != nil:
			return &failure{engines.Unsent, n, "interrupted between two batches; it goes on from its checkpoint"}
		case leave:
			return &failure{engines.Unsent, n, "stopped between two batches: " + why + "; it goes on from its checkpoint"}
		case why == "":
			if said != "" {
				x.say(false, "the batches go on")
			}
			return nil
		case why != said:
			x.say(true, "no batch is sent: %s", why)
			said = why
		}
		select {
		case <-x.s.sampled():
		case <-ctx.Done():
		}
	}
}

// standstill says why no batch may be sent now; leave: the process wants to end.
func (x *execution) standstill() (why string, leave bool) {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.s.leaving != "" {
		return "the process leaves (" + x.s.leaving + ")", true
	}
	if h := x.s.state.Holding; h != "" {
		return "held: " + h, false
	}
	for _, v := range x.s.verdicts(x.plan.Needs) {
		if _, over := x.s.state.Overridden(x.it.Step.ID, x.attempt, string(v.Gate.Gauge)); !over && v.Status != checks.Pass {
			return fmt.Sprintf("gate %s %s %s is %s", v.Gate.Gauge, v.Gate.Op, v.Gate.Want, orNothing(v.Is)), false
		}
	}
	return "", false
}

// allowed is the largest batch that the operator allows now; 0: as planned.
func (x *execution) allowed() int {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	return x.s.state.Step(x.it.Step.ID).Batch
}

// stretch sends batches under one beginning and one answer in the record, until
// nothing is left, something fails, or it is time to look up.
func (x *execution) stretch(ctx context.Context, n int, a engines.Action, pace *colours.Pace) (over bool, f *failure) {
	pace.Allow(x.allowed())
	x.vars[engines.BatchVar] = strconv.Itoa(pace.Batch())
	got, st, f := x.open(ctx, n, a)
	if f != nil {
		return false, f
	}
	w := work{began: x.s.cfg.Now(), least: pace.Batch()}
	for got.err == nil && !over && w.batches < stretchBatches && x.s.cfg.Now().Sub(w.began) < stretchTime {
		if why, _ := x.standstill(); w.batches > 0 && (why != "" || ctx.Err() != nil) {
			break
		}
		pace.Allow(x.allowed())
		st.Args = []string{strconv.Itoa(pace.Batch())}
		w.least, w.most = min(w.least, pace.Batch()), max(w.most, pace.Batch())
		if f := x.batch(ctx, n, a, st, &got); f != nil {
			return false, f
		}
		if got.err == nil {
			if over = len(got.res.Rows) == 0; !over {
				w.add(got.res)
				sleep(ctx, pace.After(got.res.Took))
			}
		}
	}
	if got.err == nil {
		got.out, got.res.Affected = engines.Done, w.rows
	}
	got.res.Took, got.notes = x.s.cfg.Now().Sub(w.began), []string{w.String()}
	x.say(got.err != nil, "%s", w)
	if got.err == nil {
		x.answered(a, got)
		return over, x.flushedOr(n)
	}
	x.answered(a, got)
	if f := x.went(n, a, got.res, got.err, got.out); f != nil {
		return false, f
	}
	return true, nil // its proof says that nothing is left
}

// batch sends one batch, and again where it got no lock. The wish to stop waits
// for it: it is bounded, and cut in the middle nobody would know what it did.
func (x *execution) batch(ctx context.Context, n int, a engines.Action, st engines.Statement, got *sending) *failure {
	limit := a.Limit
	if limit == 0 {
		limit = x.plan.Limit
	}
	st.Limit = limit
	for attempt := 1; ; attempt++ {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit+answerGrace)
		got.res, got.err = got.conn.Do(c, st)
		got.out = got.conn.Classify(got.err)
		cancel()
		x.crash("after-batch", n)
		x.noteLost(ctx, a, *got, limit)
		if !lockRefused(a, attempt, *got) {
			return nil
		}
		if f := x.standAside(ctx, n, a, attempt, got.conn); f != nil {
			x.answered(a, *got)
			return f
		}
	}
}

// flushedOr makes what was done durable before more is.
func (x *execution) flushedOr(n int) *failure {
	if err := x.flushed(); err != nil {
		return &failure{engines.Unclear, n, "the record cannot be written: " + err.Error()}
	}
	return nil
}

// work is what the batches of a stretch did.
type work struct {
	began       time.Time
	batches     int
	rows        int64  // changed by them
	done        string // of the whole job, as its checkpoint says
	key         string // up to which it has come
	least, most int    // rows a batch
}

// add takes the answer of a batch: checkpoint, rows done so far, rows of this one.
func (w *work) add(r engines.Result) {
	w.batches++
	row := r.Rows[0]
	if len(row) < 3 || row[0] == nil || row[1] == nil || row[2] == nil {
		return
	}
	w.key, w.done = *row[0], *row[1]
	if n, err := strconv.ParseInt(*row[2], 10, 64); err == nil {
		w.rows += n
	}
}

// String says it in a line of the record.
func (w work) String() string {
	if w.batches == 0 {
		return "no batch was left"
	}
	return fmt.Sprintf("%d batches of %d to %d rows: %d rows filled, %s in all, up to key %s", w.batches, w.least, max(w.most, w.least), w.rows, w.done, w.key)
}

// batchOf is the largest batch of a step that is a job: as planned, or as the
// operator set it.
func batchOf(as []engines.Action, x steps.StepState) int {
	for _, a := range as {
		if a.Repeat != nil && x.Batch > 0 {
			return x.Batch
		}
		if a.Repeat != nil {
			return a.Repeat.Most
		}
	}
	return 0
}
