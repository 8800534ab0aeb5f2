package compare

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/turquoise-db/turquoise/checks/sequences"
	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// Open opens a door to one side.
type Open func(ctx context.Context) (engines.Comparer, error)

// Options of a comparison. Blue, Green, Digests and Now are required.
type Options struct {
	Blue, Green Open
	Digests     engines.Digests
	Now         func() time.Time
	Strength    engines.Strength
	Tables      []string // names or patterns, with or without schema; none: all
	Except      []string // tables, columns and other objects that are left out, by the name that a note gives them
	Limits      func() tablediff.Limits
	Progress    func(tablediff.Progress) // called about once a second
	Settle      time.Duration            // how long rows that move are looked at again; 0: one minute
	PartRows    int64                    // rows of a part; 0: 65,536
	Samples     int                      // differing rows named per table and class; 0: 20
	Values      bool                     // samples show values
	DataOnly    bool                     // neither schema nor sequences
	Back        bool                     // the writes are on green: Blue is the door to green, and Green that to blue
	Repair      engines.Repair           // nil: no statements
	RepairBlue  bool                     // the statements make blue like green, not green like blue
	Journal     *Journal                 // verdicts of parts, to go on after a crash; nil: none
}

// from and to are who has the writes, and who gets them.
func (o Options) from() string {
	if o.Back {
		return "green"
	}
	return "blue"
}

func (o Options) to() string {
	if o.Back {
		return "blue"
	}
	return "green"
}

// Named constants of a comparison.
const (
	partRows    = 65_536           // 30 ms of one core for a narrow row: short enough to stop at, long enough to cost nothing
	settleFor   = time.Minute      // a replica that is further behind than this is not in step
	samples     = 20               // what a person reads
	mostNamed   = 20_000           // differing rows of one table that are held by key; beyond, parts are counted
	atOnceRows  = 20_000_000       // rows of a table that one scan sums: ten seconds and one snapshot
	mostWorkers = 16               // pairs of sessions, whatever the limits say
	defWorkers  = 2                // half of what a small server has
	loadEvery   = time.Second      // how often the load is looked at
	appliedWait = 10 * time.Second // longest wait in one round for green to reach a position
)

// ErrLoad is a comparison that stopped because a server suffered.
var ErrLoad = errors.New("stopped to spare the servers")

// table is one pair of tables and what was found of it.
type table struct {
	engines.TableDigest
	parts    []engines.Part
	report   tablediff.TableReport
	suspects []tablediff.Suspect
	began    time.Time
	left     int  // parts that nobody has read
	atOnce   bool // summed in one scan first: it is at rest and small enough

	looked time.Time     // at the whole of it, while it is followed
	tried  time.Time     // to, also where it was left
	took   time.Duration // of that
	turn   uint64        // of the newest change that was heard of
	wrote  time.Time     // when it was
}

// Run compares the two sides once. The error is one of the comparison itself; a
// side that could not be read makes the report unclear.
func Run(ctx context.Context, o Options) (tablediff.Report, error) {
	r, err := newRunner(ctx, &o)
	if err != nil {
		return tablediff.Report{}, err
	}
	defer r.close()
	if err := r.plan(ctx); err != nil {
		return r.report, err
	}
	err = r.read(ctx)
	if err == nil {
		err = r.settle(ctx)
	}
	if err == nil && !o.DataOnly {
		err = r.surroundings(ctx)
	}
	r.finish(ctx, err)
	return r.report, err
}

func newRunner(ctx context.Context, o *Options) (*runner, error) {
	if o.PartRows == 0 {
		o.PartRows = partRows
	}
	if o.Strength == engines.Cryptographic {
		o.PartRows = min(o.PartRows, 16_384) // the digests of a part are sorted in the server's memory
	}
	if o.Samples == 0 {
		o.Samples = samples
	}
	if o.Settle == 0 {
		o.Settle = settleFor
	}
	if o.Limits == nil {
		o.Limits = func() tablediff.Limits { return tablediff.Limits{Workers: defWorkers} }
	}
	r := &runner{o: *o, began: o.Now()}
	r.report.Started = r.began
	var err error
	if r.main, err = openPair(ctx, *o); err != nil {
		return nil, err
	}
	return r, nil
}

// pair is a session on each side, used by one goroutine.
type pair struct{ blue, green engines.Comparer }

func openPair(ctx context.Context, o Options) (pair, error) {
	b, err := o.Blue(ctx)
	if err != nil {
		return pair{}, err
	}
	g, err := o.Green(ctx)
	if err != nil {
		return pair{}, errors.Join(err, b.Close())
	}
	return pair{b, g}, nil
}

func (p pair) close() {
	// A session that only read has nothing to lose by a bad end.
	_, _ = p.blue.Close(), p.green.Close()
}

// both asks the two sides at once.
func both[T any](p pair, ask func(c engines.Comparer) (T, error)) (b, g T, err error) {
	done := make(chan error, 1)
	go func() {
		var gerr error
		g, gerr = ask(p.green)
		done <- gerr
	}()
	b, err = ask(p.blue)
	return b, g, errors.Join(err, <-done)
}

// plan reads both catalogues and divides the tables into parts.
func (r *runner) plan(ctx context.Context) error {
	blue, green, err := both(r.main, func(c engines.Comparer) (engines.Side, error) { return r.side(ctx, c) })
	if err != nil {
		return err
	}
	if blue.Who.Same(green.Who) {
		return &engines.Error{Op: "compare", Object: blue.Who.String(), Err: errors.New("both sides are the same database"), Next: "check the two connection strings"}
	}
	r.report.Blue.Server, r.report.Green.Server = blue.Who.String(), green.Who.String()
	linked, err := r.linked(ctx)
	if err != nil {
		return err
	}
	if r.o.Back {
		blue, green = green, blue // the words of the notes are about these
	}
	digests, notes := r.o.Digests(blue, green, r.o.Strength)
	r.notes = append(r.notes, notes...)
	for _, n := range r.notes {
		switch {
		case slices.Contains(r.o.Except, n.Object):
			// The operator knows of it: it is named, and stands against nothing.
			r.report.Notes = append(r.report.Notes, tablediff.NoteReport{Object: n.Object, Why: "left out: " + n.Why})
		case matches(r.o.Tables, n.Object):
			r.report.Notes = append(r.report.Notes, tablediff.NoteReport(n))
		}
	}
	for _, d := range digests {
		if !matches(r.o.Tables, d.Label()) {
			continue
		}
		if slices.Contains(r.o.Except, d.Label()) {
			r.report.Notes = append(r.report.Notes, tablediff.NoteReport{Object: d.Label(), Why: "left out: not compared"})
			continue
		}
		t := &table{TableDigest: d, report: tablediff.TableReport{Table: d.Label(), Key: d.Key}}
		if t.parts, err = r.cut(ctx, d); err != nil {
			return err
		}
		t.report.Parts, t.left = len(t.parts), len(t.parts)
		t.atOnce = !linked && len(t.parts) > 1 && d.Strength == engines.Sum64 && d.Rows <= atOnceRows
		r.tables = append(r.tables, t)
	}
	if len(r.tables) == 0 {
		return &engines.Error{Op: "compare", Object: fmt.Sprint(r.o.Tables), Err: errors.New("no such table on both sides"), Next: "see the names in the notes, or leave --tables out"}
	}
	return r.o.Journal.open(r)
}

// linked reports whether replication runs from blue to green. Where it does not
// the sides are at rest with each other: sums of whole tables can agree.
func (r *runner) linked(ctx context.Context) (bool, error) {
	at, err := r.main.blue.Position(ctx)
	if err != nil {
		return false, err
	}
	_, linked, err := r.main.green.Applied(ctx, r.main.blue, at)
	return linked, err
}

func (r *runner) side(ctx context.Context, c engines.Comparer) (engines.Side, error) {
	who, err := c.Identify(ctx)
	if err != nil {
		return engines.Side{}, err
	}
	shapes, notes, err := c.Shapes(ctx)
	if err != nil {
		return engines.Side{}, err
	}
	var types []string
	for _, t := range shapes {
		for _, col := range t.Columns {
			types = append(types, col.Base)
		}
	}
	slices.Sort(types)
	tests, err := c.SelfTest(ctx, slices.Compact(types))
	if err != nil {
		return engines.Side{}, err
	}
	r.mu.Lock()
	r.notes = append(r.notes, notes...)
	r.mu.Unlock()
	return engines.Side{Who: who, Tables: shapes, Tests: tests}, nil
}

// cut divides a table: ranges of its key where an index serves them, else
// classes of the key's hash, few enough rows in each that no statement outlives
// the longest snapshot.
func (r *runner) cut(ctx context.Context, d engines.TableDigest) ([]engines.Part, error) {
	if !d.Ordered {
		const perScan = 1 << 25 // rows: half a minute of one core
		n := 1
		for len(d.Key) > 0 && d.Rows/int64(n) > perScan && n < 256 {
			n *= 2
		}
		parts := make([]engines.Part, n)
		for i := range parts {
			parts[i] = engines.Part{Class: i, Classes: n}
		}
		return parts, nil
	}
	cuts, err := r.main.blue.Cuts(ctx, d, r.o.PartRows)
	if err != nil {
		return nil, err
	}
	parts := make([]engines.Part, len(cuts)+1)
	for i, c := range cuts {
		parts[i].High, parts[i].HasEnd = c, true
		parts[i+1].Low, parts[i+1].HasLow = c, true
	}
	return parts, nil
}

// matches reports whether a name is asked for. A column's name matches with its table.
func matches(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	for _, p := range patterns {
		for _, n := range []string{name, name[1+lastDot(name):]} {
			if ok, err := path.Match(p, n); err == nil && ok {
				return true
			}
		}
		if len(name) > len(p) && name[:len(p)] == p && name[len(p)] == '.' {
			return true
		}
	}
	return false
}

func lastDot(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '.' {
			return i
		}
	}
	return -1
}

// surroundings compares what is not rows.
func (r *runner) surroundings(ctx context.Context) error {
	r.phase("schema")
	b, g, err := both(r.main, func(c engines.Comparer) ([]engines.SchemaFact, error) { return c.Schema(ctx) })
	if err != nil {
		return err
	}
	r.report.Schema = tablediff.Schema(b, g)
	bs, gs, err := both(r.main, func(c engines.Comparer) ([]engines.SequenceFact, error) { return c.Sequences(ctx) })
	if err != nil {
		return err
	}
	r.report.Sequences = sequences.Compare(bs, gs)
	return nil
}
