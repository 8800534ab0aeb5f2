package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// CompareGauges are the gauges of the data of green, which the session itself
// keeps: what is followed lives here and not on a server.
//
// data_doubts_count is how many things stand against the data being equal: 0 if
// every row is verified or only on its way, and also if the runbook's parameter
// verify is none: then nothing is compared, and every card of the comparison says so. unverified_count is how many rows were written
// and not seen equal since; under load it is never at rest.
func CompareGauges() []string { return []string{"data_doubts_count", "unverified_count"} }

// openCompare opens the door of comparing actions. It lives until the session
// ends: what changes between two steps is followed by it.
func (s *Session) openCompare(ctx context.Context, on engines.TargetID) (engines.Conn, error) {
	target, _ := s.cfg.Book.Target(on)
	d, err := compare.OpenDoor(ctx, on, compare.Sides{
		Blue: "blue", Green: "green", Engine: s.cfg.Engines[target.Engine], Keep: s.cfg.Dir, Now: s.cfg.Now,
		Request: func(ctx context.Context, t engines.TargetID) engines.OpenRequest {
			r := s.request(ctx, t, "compare")
			r.Ctx = ctx
			return r
		},
		Say: s.tellOfData, Name: s.markRow,
	})
	if err != nil {
		return nil, err
	}
	s.compared.Store(d)
	return d, nil
}

// compareReadings are the gauges of the data. Asked for and not there is a doubt:
// after a crash nothing is followed until the step has run again.
func (s *Session) compareReadings(t engines.TargetID) []engines.Reading {
	if t != "green" {
		return nil
	}
	if d := s.compared.Load(); d != nil {
		s.mu.Lock()
		near := proofNear(s.state)
		s.mu.Unlock()
		d.Near(near)
	}
	st, followed := s.following()
	doubts := st.Doubts()
	if !followed && s.cfg.Values.Text["verify"] != "none" {
		doubts = 1
	}
	read := func(name string, n int) engines.Reading {
		return engines.Reading{Gauge: engines.Gauge(t, name), At: s.cfg.Now(), Value: float64(n), Unit: engines.Count}
	}
	return []engines.Reading{read("data_doubts_count", doubts), read("unverified_count", st.Dirty)}
}

// proofNear reports whether a proof that every row is equal may come at any moment:
// the window that holds it is next, or has begun.
func proofNear(s steps.State) bool {
	it, ok := s.Current()
	if !ok {
		return false
	}
	proves := func(st runbooks.Step) bool { return st.Kind == "compare" && st.Stage == "prove" }
	if slices.ContainsFunc(it.Parts, proves) {
		return true
	}
	return slices.ContainsFunc(s.Walk[s.Pos:], func(x runbooks.Item) bool { return x.Phase == it.Phase && x.Back == it.Back && proves(x.Step) })
}

func (s *Session) following() (compare.State, bool) {
	d := s.compared.Load()
	if d == nil {
		return compare.State{}, false
	}
	return d.State()
}

// lookAtData is how the data stands for the screens; nil where there is nothing.
func (s *Session) lookAtData() *Compared {
	d := s.compared.Load()
	if d == nil {
		return nil
	}
	st, pace, ok := d.Look()
	if !ok {
		return nil
	}
	p := st.Progress
	c := &Compared{Reading: !st.Read, Rows: st.Rows, Total: p.Total, Rate: p.Rate(), Elapsed: p.Elapsed, Held: p.Held, Pace: pace.String(), Dirty: st.Dirty,
		Back: d.Back(), Verified: st.Verified, VerifiedAt: st.VerifiedAt, Behind: st.Behind, Every: st.Every, Foreign: st.Foreign, Differ: s.marked(st.Failing), Strangers: s.marked(st.Strangers), Keys: s.revealed}
	if eta, ok := p.ETA(); ok {
		c.ETA = eta
	}
	if st.Lost != nil {
		c.Lost = st.Lost.Error()
	}
	why := st.Unvouched()
	for _, n := range slices.Sorted(maps.Keys(why)) {
		c.Unvouched = append(c.Unvouched, n+": "+why[n])
	}
	for _, t := range st.List {
		c.Tables = append(c.Tables, ComparedTable{Table: t.Table, Rows: t.Rows, Total: t.Total, Rate: t.Rate, Parts: t.Parts, Done: t.Done, Suspects: t.Suspects,
			Dirty: t.Dirty, Differ: t.Differ, Whole: t.Whole})
	}
	return c
}

// markRow names a row without its key, which is a value of the data: by the table
// and the beginning of HMAC-SHA256(k, "pk" 0x00 table 0x00 key), so that one sees
// the same row in two places. Where k was deleted only the table is named.
func (s *Session) markRow(r engines.RowChange) string {
	if s.hmacKey == nil {
		return r.Table + " (key withheld)"
	}
	h := hmac.New(sha256.New, s.hmacKey)
	h.Write([]byte("pk\x00" + r.Table + "\x00" + strings.Join(r.Key, ", ")))
	return r.Table + " (key " + hex.EncodeToString(h.Sum(nil))[:markDigits] + ")"
}

// markDigits are enough that no two rows of a night look the same by chance.
const markDigits = 16

func (s *Session) marked(rows []engines.RowChange) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = s.markRow(r)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// namedRows are the rows that stand against the data being equal, by mark and by
// key, for somebody who asked to see them.
func (s *Session) namedRows() []string {
	st, ok := s.following()
	if !ok {
		return nil
	}
	var out []string
	for _, r := range append(slices.Clone(st.Failing), st.Strangers...) {
		out = append(out, s.markRow(r)+" = "+compare.PlainRow(r))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// pace changes how much of the servers the comparison may take.
func (s *Session) pace(words string) error {
	d := s.compared.Load()
	if d == nil {
		return &steps.Refusal{Why: "nothing is being compared or followed", Next: "run the step that compares first"}
	}
	if _, err := d.Pace(words); err != nil {
		return &steps.Refusal{Why: err.Error(), Next: "write pairs such as: workers 4 max-active 20"}
	}
	return nil
}

// compareTile is the tile of a comparison that is kept up to date; ok is false
// where there is none, and the servers' estimates are shown as such.
func (s *Session) compareTile() (RowTile, bool) {
	st, ok := s.following()
	if !ok {
		return RowTile{}, false
	}
	differ := map[string]bool{}
	for _, r := range st.Failing {
		differ[r.Table] = true
	}
	return RowTile{Tables: st.Tables, Blue: st.Rows, Green: st.Rows, Differ: len(differ), Exact: true, Stale: st.Lost != nil}, true
}

// tellOfData says what following the changes found, until writes may be open on
// the other side: then clients write there by right, and the side that was left
// behind differs by right.
func (s *Session) tellOfData(bad bool, text string) {
	s.mu.Lock()
	moved := s.state.MayBeOpen()
	if d := s.compared.Load(); d != nil && d.Back() {
		moved = !s.state.Opened // they are back on blue
	}
	s.mu.Unlock()
	if !moved {
		s.tell(bad, text)
	}
}
