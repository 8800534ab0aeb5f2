package compare

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// runner is one comparison at work.
type runner struct {
	o       Options
	main    pair
	hurried func() bool // whether a proof waits; nil: there is none
	began   time.Time
	notes   []engines.Note
	tables  []*table
	report  tablediff.Report

	mu     sync.Mutex
	prog   tablediff.Progress
	next   int // job
	jobs   []job
	wholes int // jobs at work that may turn into jobs of their parts
	held   string
	paused bool
	wake   chan struct{} // closed and replaced when limits or load changed
}

type job struct {
	t *table
	i int // part, or whole
}

// whole is the job of summing a table in one sequential scan, which costs a
// third less than its ranges by index do.
const whole = -1

func (r *runner) close() { r.main.close() }

func (r *runner) phase(name string) {
	r.mu.Lock()
	r.prog.Phase = name
	r.mu.Unlock()
	r.tell()
}

// tell hands out the progress.
func (r *runner) tell() {
	if r.o.Progress == nil {
		return
	}
	r.o.Progress(r.now())
}

// read sums every part on both sides and finds the rows of those that differ.
func (r *runner) read(ctx context.Context) error {
	r.enlist()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for n := range min(mostWorkers, max(len(r.jobs), 1)) {
		wg.Go(func() {
			if err := r.worker(ctx, n); err != nil {
				cancel(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	r.watch(ctx, cancel, done)
	<-done
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// enlist lists what nobody has read yet.
func (r *runner) enlist() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prog.Phase, r.wake = "reading", make(chan struct{})
	for _, t := range r.tables {
		r.prog.Total += t.Rows
		r.prog.Parts += len(t.parts)
		if r.o.Journal.done(r, t, whole) {
			r.prog.Done += len(t.parts)
			continue
		}
		var jobs []job
		for i := range t.parts {
			if r.o.Journal.done(r, t, i) {
				r.prog.Done++
				continue
			}
			jobs = append(jobs, job{t, i})
		}
		if t.atOnce && len(jobs) == len(t.parts) {
			jobs = []job{{t, whole}}
		}
		r.jobs = append(r.jobs, jobs...)
	}
}

// watch looks at the load until the workers are done.
func (r *runner) watch(ctx context.Context, cancel context.CancelCauseFunc, done <-chan struct{}) {
	var pace tablediff.Pace
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		b, g, err := both(r.main, func(c engines.Comparer) (engines.Load, error) { return c.Load(ctx) })
		order, why := pace.Next(r.o.Limits(), map[string]engines.Load{r.o.from(): b, r.o.to(): g}, err)
		if ctx.Err() == nil && order == tablediff.Stop {
			cancel(&engines.Error{Op: "compare", Object: "load", Err: errors.Join(ErrLoad, errors.New(why)), Next: "run it again when the servers are calm; parts that are done are not read again where a state file was given"})
		}
		r.mu.Lock()
		r.held, r.paused = why, order != tablediff.Go
		close(r.wake)
		r.wake = make(chan struct{})
		r.mu.Unlock()
		r.tell()
		select {
		case <-tick.C:
		case <-done:
			return
		}
	}
}

// take waits until worker n may work and gives it a part.
func (r *runner) take(ctx context.Context, n int) (job, bool) {
	for {
		r.mu.Lock()
		if r.next >= len(r.jobs) && r.wholes == 0 || ctx.Err() != nil {
			r.mu.Unlock()
			return job{}, false
		}
		if r.next < len(r.jobs) && !r.paused && n < max(r.o.Limits().Workers, 1) {
			j := r.jobs[r.next]
			r.next++
			if j.i == whole {
				r.wholes++
			}
			if j.t.began.IsZero() {
				j.t.began = r.o.Now()
			}
			r.prog.Table = j.t.Label()
			r.mu.Unlock()
			return j, true
		}
		wake := r.wake
		r.mu.Unlock()
		select {
		case <-wake:
		case <-ctx.Done():
			return job{}, false
		}
	}
}

// worker works off parts on sessions of its own, which it opens with its first part.
func (r *runner) worker(ctx context.Context, n int) error {
	var p pair
	for {
		j, ok := r.take(ctx, n)
		if !ok {
			break
		}
		if p.blue == nil {
			var err error
			if p, err = openPair(ctx, r.o); err != nil {
				return err
			}
			defer p.close()
		}
		if j.i == whole {
			err := r.once(ctx, p, j.t)
			if err != nil {
				return err
			}
			continue
		}
		res, err := r.part(ctx, p, j)
		if err != nil {
			return err
		}
		if err := r.keep(j, res); err != nil {
			return err
		}
	}
	return nil
}

// once sums a whole table on both sides. Where the sums differ its parts are
// read, by all workers.
func (r *runner) once(ctx context.Context, p pair, t *table) error {
	b, g, err := both(p, func(c engines.Comparer) (engines.Sum, error) { return c.Sum(ctx, t.TableDigest, engines.Part{}) })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wholes--
	close(r.wake)
	r.wake = make(chan struct{})
	if err != nil {
		return err
	}
	if b != g {
		for i := range t.parts {
			r.jobs = append(r.jobs, job{t, i})
		}
		return nil
	}
	f := found{Blue: b.Count, Green: g.Count}
	r.prog.Done += t.left
	r.prog.Rows += f.Blue
	t.left = 1
	r.apply(t, f)
	return r.o.Journal.write(job{t, whole}, f)
}

// found is what was seen of one part.
type found struct {
	Blue, Green int64
	Suspects    []tablediff.Suspect
	Unnamed     bool
}

func (r *runner) keep(j job, f found) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.apply(j.t, f)
	r.prog.Done++
	r.prog.Rows += f.Blue
	r.prog.Differ += len(f.Suspects)
	return r.o.Journal.write(j, f)
}

func (r *runner) apply(t *table, f found) {
	t.left--
	t.report.BlueRows += f.Blue
	t.report.GreenRows += f.Green
	t.suspects = append(t.suspects, f.Suspects...)
	if f.Unnamed {
		t.report.Unnamed++
	}
	if t.left == 0 {
		t.report.TookMS = r.o.Now().Sub(t.began).Milliseconds()
	}
}

// sliced is how many rows of a part are listed without slicing it first.
const sliced = 4096

// part sums a part on both sides. Where the sums differ, its slices are summed,
// and the rows of the slices that differ are listed.
func (r *runner) part(ctx context.Context, p pair, j job) (found, error) {
	d, at := j.t.TableDigest, j.t.parts[j.i]
	if d.Ordered || len(d.Key) == 0 {
		b, g, err := both(p, func(c engines.Comparer) (engines.Sum, error) { return c.Sum(ctx, d, at) })
		if err != nil {
			return found{}, err
		}
		f := found{Blue: b.Count, Green: g.Count}
		if b == g {
			return f, nil
		}
		return r.narrow(ctx, p, j, f, slicesFor(max(b.Count, g.Count)))
	}
	return r.narrow(ctx, p, j, found{}, slicesFor(d.Rows/int64(max(at.Classes, 1))))
}

// slicesFor is a power of two that leaves some hundred rows in a slice.
func slicesFor(rows int64) int {
	if rows < sliced {
		return 1
	}
	n := 1
	for int64(n)*256 < rows && n < 1<<17 {
		n *= 2
	}
	return n
}

func (r *runner) narrow(ctx context.Context, p pair, j job, f found, n int) (found, error) {
	d, at := j.t.TableDigest, j.t.parts[j.i]
	r.mu.Lock()
	full := len(j.t.suspects) >= mostNamed
	r.mu.Unlock()
	if full {
		f.Unnamed = true
		return f, nil
	}
	var in []int
	if n > 1 || f.Blue+f.Green == 0 && len(d.Key) > 0 {
		b, g, err := both(p, func(c engines.Comparer) (map[int]engines.Sum, error) { return c.Slices(ctx, d, at, n) })
		if err != nil {
			return found{}, err
		}
		f.Blue, f.Green = count(b), count(g)
		if in = tablediff.Slices(b, g); len(in) == 0 {
			return f, nil // what was on its way has arrived
		}
		if in, err = r.arrived(ctx, p, j, n, in); err != nil {
			return found{}, err
		}
		if len(in) > mostSlices {
			in = in[:mostSlices]
			f.Unnamed = true
		}
	}
	b, g, err := both(p, func(c engines.Comparer) ([]engines.RowHash, error) { return c.Rows(ctx, d, at, n, in) })
	if err != nil {
		return found{}, err
	}
	f.Suspects = tablediff.Merge(b, g)
	if len(f.Suspects) > mostNamed {
		f.Suspects, f.Unnamed = f.Suspects[:mostNamed], true
	}
	return f, nil
}

// mostSlices is how many slices of a part are listed.
const mostSlices = mostNamed / 128

// arrived takes from too many slices those that are equal in a later look: most of
// what differs under load is on its way, and is elsewhere then.
func (r *runner) arrived(ctx context.Context, p pair, j job, n int, in []int) ([]int, error) {
	for round := 0; len(in) > mostSlices && round < looksFailed; round++ {
		if r.hurried != nil && r.hurried() {
			break
		}
		_, linked, err := r.fenceOf(ctx, p)
		if err != nil || !linked {
			return in, err
		}
		b, g, err := both(p, func(c engines.Comparer) (map[int]engines.Sum, error) {
			return c.Slices(ctx, j.t.TableDigest, j.t.parts[j.i], n)
		})
		if err != nil {
			return nil, err
		}
		still := tablediff.Slices(b, g)
		before := len(in)
		if in = slices.DeleteFunc(in, func(s int) bool { return !slices.Contains(still, s) }); len(in) == before {
			break // nothing of it is on its way
		}
	}
	return in, nil
}

func count(m map[int]engines.Sum) int64 {
	n := int64(0)
	for _, s := range m {
		n += s.Count
	}
	return n
}
