package compare

import (
	"context"
	"fmt"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// batch is how many keys one statement takes.
const batch = 5000

// settle looks again at rows that differed until they are equal, or green has
// had all that blue had and they still differ, or the patience is over.
func (r *runner) settle(ctx context.Context) error {
	r.phase("settling")
	over := r.o.Now().Add(r.o.Settle)
	for _, t := range r.tables {
		if len(t.suspects) == 0 {
			continue
		}
		var err error
		if len(t.Key) == 0 {
			err = r.settleWhole(ctx, t, over)
		} else {
			err = r.settleKeys(ctx, t, over)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) settleKeys(ctx context.Context, t *table, over time.Time) error {
	open := t.suspects
	var settled []tablediff.Suspect
	for round := 0; len(open) > 0; round++ {
		if round > 0 {
			if r.o.Now().After(over) {
				break
			}
			if err := pause(ctx, min(time.Duration(round)*50*time.Millisecond, time.Second)); err != nil {
				return err
			}
		}
		var still []tablediff.Suspect
		for at := 0; at < len(open); at += batch {
			some := open[at:min(at+batch, len(open))]
			l, err := r.look(ctx, t.TableDigest, some)
			if err != nil {
				return err
			}
			s, o := tablediff.Settle(some, l)
			settled, still = append(settled, s...), append(still, o...)
		}
		open = still
		r.mu.Lock()
		r.prog.Differ = len(settled) + len(open)
		r.mu.Unlock()
		r.tell()
	}
	t.suspects = append(settled, open...)
	return nil
}

// look reads keys on blue, waits until green has had that, reads green, and
// reads blue again.
func (r *runner) look(ctx context.Context, d engines.TableDigest, in []tablediff.Suspect) (tablediff.Look, error) {
	keys := make([]engines.Key, len(in))
	for i, s := range in {
		keys[i] = s.Key
	}
	var l tablediff.Look
	before, err := r.main.blue.ByKey(ctx, d, keys)
	if err != nil {
		return l, err
	}
	if l.Applied, l.Linked, err = r.fence(ctx); err != nil {
		return l, err
	}
	green, err := r.main.green.ByKey(ctx, d, keys)
	if err != nil {
		return l, err
	}
	after, err := r.main.blue.ByKey(ctx, d, keys)
	if err != nil {
		return l, err
	}
	l.Before, l.Green, l.After = index(before), index(green), index(after)
	return l, nil
}

func index(rows []engines.RowHash) map[string]engines.RowHash {
	out := make(map[string]engines.RowHash, len(rows))
	for _, row := range rows {
		out[tablediff.ID(row.Key)] = row
	}
	return out
}

// fence waits until green has applied what blue has now.
func (r *runner) fence(ctx context.Context) (applied, linked bool, err error) {
	if applied, linked, err = r.fenceOf(ctx, r.main); linked {
		r.report.Replicated = true
	}
	return applied, linked, err
}

func (r *runner) fenceOf(ctx context.Context, p pair) (applied, linked bool, err error) {
	at, err := p.blue.Position(ctx)
	if err != nil {
		return false, false, err
	}
	over := r.o.Now().Add(appliedWait)
	for {
		applied, linked, err = p.green.Applied(ctx, p.blue, at)
		if err != nil || applied || !linked {
			return applied, linked, err
		}
		if r.o.Now().After(over) {
			return false, true, nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return false, true, err
		}
	}
}

// settleWhole compares a table without a key again, as a whole, at a fence.
func (r *runner) settleWhole(ctx context.Context, t *table, over time.Time) error {
	whole := engines.Part{}
	for round := 0; ; round++ {
		before, err := r.main.blue.Sum(ctx, t.TableDigest, whole)
		if err != nil {
			return err
		}
		applied, linked, err := r.fence(ctx)
		if err != nil {
			return err
		}
		g, err := r.main.green.Sum(ctx, t.TableDigest, whole)
		if err != nil {
			return err
		}
		after, err := r.main.blue.Sum(ctx, t.TableDigest, whole)
		if err != nil {
			return err
		}
		t.report.BlueRows, t.report.GreenRows = after.Count, g.Count
		if g == before || g == after {
			t.suspects, t.report.Unnamed = nil, 0
			return nil
		}
		if before == after && (applied || !linked && round >= 2) {
			return r.relist(ctx, t)
		}
		if r.o.Now().After(over) {
			for i := range t.suspects {
				t.suspects[i].Class = tablediff.Moving
			}
			return nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (r *runner) relist(ctx context.Context, t *table) error {
	b, g, err := both(r.main, func(c engines.Comparer) ([]engines.RowHash, error) {
		return c.Rows(ctx, t.TableDigest, engines.Part{}, 1, nil)
	})
	if err != nil {
		return err
	}
	t.suspects = tablediff.Merge(b, g)
	return nil
}

// pause waits, or ends with the context.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("compare: %w", context.Cause(ctx))
	}
}

// finish writes the report.
func (r *runner) finish(ctx context.Context, cause error) {
	for _, t := range r.tables {
		for _, s := range t.suspects {
			t.report.Count(s)
		}
		switch {
		case t.left > 0:
			t.report.Why = fmt.Sprintf("%d of %d parts were not read", t.left, len(t.parts))
		case cause != nil && len(t.suspects) > 0:
			t.report.Why = "it was not looked at again"
		}
		t.report.Judge()
		r.report.Rows += t.report.BlueRows
		r.sample(ctx, t, cause)
		r.repair(ctx, t, cause)
		r.report.Tables = append(r.report.Tables, t.report)
	}
	took := r.o.Now().Sub(r.began)
	r.report.TookMS = took.Milliseconds()
	if s := took.Seconds(); s > 0 {
		r.report.Rate = int64(float64(r.report.Rows) / s)
	}
	if cause == nil {
		// Where a position cannot be read the report has none: it says less, not more.
		r.report.Blue.Position, _ = r.main.blue.Position(ctx)
		r.report.Green.Position, _ = r.main.green.Position(ctx)
	}
	r.report.Judge()
	if cause != nil && r.report.Verdict == tablediff.Equal {
		r.report.Verdict, r.report.Why = tablediff.Unclear, cause.Error()
	}
}

// sample names some of the differing rows of each class.
func (r *runner) sample(ctx context.Context, t *table, cause error) {
	per := map[tablediff.Class]int{}
	var keys []engines.Key
	for _, s := range t.suspects {
		if per[s.Class]++; per[s.Class] > r.o.Samples || len(s.Key) == 0 {
			continue
		}
		t.report.Samples = append(t.report.Samples, tablediff.Sample{Class: s.Class, Key: s.Key})
		keys = append(keys, s.Key)
	}
	if !r.o.Values || cause != nil || len(keys) == 0 {
		return
	}
	b, g, err := both(r.main, func(c engines.Comparer) ([]engines.RowValues, error) { return c.Values(ctx, t.TableDigest, keys) })
	if err != nil {
		r.report.Notes = append(r.report.Notes, tablediff.NoteReport{Object: t.Label(), Why: "values could not be read: " + err.Error()})
		return
	}
	for i := range t.report.Samples {
		t.report.Samples[i].Blue = valuesOf(b, t.report.Samples[i].Key)
		t.report.Samples[i].Green = valuesOf(g, t.report.Samples[i].Key)
	}
}

func valuesOf(rows []engines.RowValues, k engines.Key) map[string]*string {
	for _, row := range rows {
		if tablediff.ID(row.Key) == tablediff.ID(k) {
			return row.Values
		}
	}
	return nil
}
