package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

// Sides is what a door needs to reach both servers.
type Sides struct {
	Blue, Green engines.TargetID // who has the writes, who gets them
	Engine      engines.Engine   // of both
	Request     func(ctx context.Context, t engines.TargetID) engines.OpenRequest
	Keep        string // folder for what must outlive the process; empty: nothing is kept
	Now         func() time.Time
	Say         func(bad bool, text string)
	Name        func(engines.RowChange) string // of a row in answers, which go into records; nil: by its key
}

// Door performs the comparing actions of a plan: it reads both sides, follows
// them between two actions, and answers as a server would. It changes nothing:
// slots and publications are actions of their own.
type Door struct {
	sides Sides

	asks sync.Mutex       // the session may ask for the identity while it begins to follow again
	on   engines.Comparer // the side that the session checks the identity of

	mu    sync.Mutex
	begun *beginning                // a comparison that is under way
	w     *Follower                 // nil while nothing is followed
	what  engines.Followed          // by the order that is compared or followed
	ended map[engines.Followed]bool // by an order; only another order begins anew
	reads *Follower                 // the one whose first comparison runs now
	pace  engines.ComparePace
}

// beginning is a comparison that does not follow yet.
type beginning struct {
	cancel context.CancelFunc
	over   chan struct{}
}

var _ engines.Conn = (*Door)(nil)

var (
	errText    = errors.New("not a comparison this program knows")
	errIdle    = errors.New("nothing is being compared or followed")
	errEngine  = errors.New("the engine cannot compare data")
	errNothing = errors.New("nothing is being followed: the comparison was not made by this process, or it ended")
)

// OpenDoor connects to the side that an action names.
func OpenDoor(ctx context.Context, on engines.TargetID, s Sides) (*Door, error) {
	if s.Engine.OpenComparer == nil || s.Engine.OpenTracker == nil {
		return nil, &engines.Error{Op: "compare", Object: s.Engine.Name, Err: errEngine, Next: "leave the step out"}
	}
	c, err := s.Engine.OpenComparer(s.Request(ctx, on))
	if err != nil {
		return nil, err
	}
	return &Door{sides: s, on: c, ended: map[engines.Followed]bool{}}, nil
}

// Identify asks the side who it is.
func (d *Door) Identify(ctx context.Context) (engines.Identity, error) {
	d.asks.Lock()
	defer d.asks.Unlock()
	return d.on.Identify(ctx)
}

// Classify says that nothing was changed: a comparison only reads, and one that
// failed proves nothing.
func (d *Door) Classify(err error) engines.Outcome {
	if err == nil {
		return engines.Done
	}
	return engines.Refused
}

// Close ends following.
func (d *Door) Close() error {
	d.end()
	d.asks.Lock()
	defer d.asks.Unlock()
	return d.on.Close()
}

// end ends what is followed, and what has begun to: a slot that a comparison
// still opens could not be dropped.
func (d *Door) end() {
	for {
		d.mu.Lock()
		b, w := d.begun, d.w
		d.w, d.reads = nil, nil
		d.mu.Unlock()
		if w != nil {
			w.Close()
		}
		if b == nil {
			return
		}
		b.cancel()
		<-b.over
	}
}

// begin makes this comparison the one that is under way; done says that it is over
// and what is followed from now on.
func (d *Door) begin(ctx context.Context, o engines.CompareOrder) (_ context.Context, done func(*Follower), err error) {
	ctx, cancel := context.WithCancel(ctx)
	b := &beginning{cancel, make(chan struct{})}
	for begun := false; !begun; {
		d.mu.Lock()
		ended := d.ended[o.Followed()] // it must not end what is followed instead
		begun = !ended && d.begun == nil && d.w == nil
		if begun {
			d.begun, d.what = b, o.Followed()
		}
		d.mu.Unlock()
		if ended {
			cancel()
			return nil, nil, errIdle
		}
		if !begun {
			d.end()
		}
	}
	return ctx, func(w *Follower) {
		d.mu.Lock()
		d.begun, d.w, d.reads = nil, w, nil
		d.mu.Unlock()
		cancel()
		close(b.over)
	}, nil
}

// State is how the data stands; ok is false while nothing is followed.
func (d *Door) State() (State, bool) {
	d.mu.Lock()
	w := d.w
	d.mu.Unlock()
	if w == nil {
		return State{}, false
	}
	return w.State(), true
}

// Near says whether a proof may come at any moment; see Follower.Near.
func (d *Door) Near(is bool) {
	d.mu.Lock()
	w := d.w
	d.mu.Unlock()
	if w != nil {
		w.Near(is)
	}
}

// Pace changes how much of the servers the comparison takes, while it runs. It
// returns the limits in force from now on.
func (d *Door) Pace(words string) (engines.ComparePace, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pace.Workers == 0 {
		return d.pace, errIdle
	}
	p, err := engines.ParsePace(words, d.pace)
	if err == nil {
		d.pace = p
	}
	return d.pace, err
}

func (d *Door) file() string {
	if d.sides.Keep == "" {
		return ""
	}
	return filepath.Join(d.sides.Keep, "compared.json")
}

// forget takes away what was kept: slots that are made later know nothing of it.
func (d *Door) forget() error {
	if d.file() == "" {
		return nil
	}
	for _, f := range []string{d.file(), d.file() + ".parts"} {
		if err := os.Remove(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (d *Door) watch(w *Follower) {
	d.mu.Lock()
	d.reads = w
	d.mu.Unlock()
}

func (d *Door) limits() tablediff.Limits {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pace
}

// Look is how the data stands, also while it is being compared for the first time,
// with the limits in force. ok is false if there is nothing to look at.
func (d *Door) Look() (s State, p engines.ComparePace, ok bool) {
	d.mu.Lock()
	w := d.w
	if w == nil {
		w = d.reads
	}
	p = d.pace
	d.mu.Unlock()
	if w == nil {
		return State{}, p, false
	}
	return w.State(), p, true
}

// sayEvery is how often the output of the step tells how far it is; the screen's
// own view is newer.
const sayEvery = 5 * time.Second

// Do performs one comparing action: its text is an engines.CompareOrder.
func (d *Door) Do(ctx context.Context, s engines.Statement) (engines.Result, error) {
	if s.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Limit)
		defer cancel()
	}
	o, err := engines.ParseCompareOrder(s.Text)
	began := d.sides.Now()
	var row []string
	switch {
	case err != nil:
	case s.Verb != engines.Compare:
		err = errText
	case o.Do == engines.CompareAll:
		d.mu.Lock()
		delete(d.ended, o.Followed())
		d.mu.Unlock()
		row, err = d.compare(ctx, o)
	case o.Do == engines.CompareProve:
		row, err = d.prove(ctx, o.Token)
	default:
		row, err = []string{"ended"}, d.finish(o)
	}
	res := engines.Result{Command: "COMPARE", Took: d.sides.Now().Sub(began)}
	if err != nil {
		return res, refusal(err)
	}
	res.Columns = []string{"verdict", "rows", "tables", "ms", "not_compared"}[:min(len(row), 5)]
	if o.Do == engines.CompareProve {
		res.Columns = []string{"verdict", "rows", "tables", "ms", "keys", "as_a_whole", "not_compared", "since"}
	}
	out := make([]*string, len(row))
	for i := range row {
		out[i] = &row[i]
	}
	res.Rows = [][]*string{out}
	return res, nil
}

// finish ends following by an order. One of another slot or direction than the one
// that is followed has nothing to end: what was written the other way is not followed
// any more. Without a slot it ends what is followed in its direction.
func (d *Door) finish(o engines.CompareOrder) error {
	d.mu.Lock()
	what := o.Followed()
	if what.Slot == "" && what.Back == d.what.Back {
		what = d.what
	}
	d.ended[what] = true
	other := (d.w != nil || d.begun != nil) && d.what != what
	d.mu.Unlock()
	if other {
		return nil
	}
	d.end()
	return d.forget()
}

// Back reports whether what is written on green is followed.
func (d *Door) Back() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.w != nil && d.what.Back
}

// Again does once more what a confirmed comparing action did: it reads both
// sides and follows them. Other actions it does not know.
func (d *Door) Again(ctx context.Context, text string) error {
	o, err := engines.ParseCompareOrder(text)
	if err != nil || o.Do != engines.CompareAll {
		return refusal(errText)
	}
	if _, err := d.compare(ctx, o); err != nil {
		return refusal(err)
	}
	return nil
}

func refusal(err error) error {
	var e *engines.Error
	if errors.As(err, &e) {
		return err
	}
	next := "compare again; the gate stays closed until every row is verified"
	if errors.Is(err, ErrDiffers) {
		next = "look at the rows with turquoise diff, repair them, then run the step again"
	}
	return &engines.Error{Op: "compare", Object: "blue and green", Err: err, Next: next}
}

// compare begins to follow both sides and compares everything once.
func (d *Door) compare(ctx context.Context, order engines.CompareOrder) ([]string, error) {
	ctx, done, err := d.begin(ctx, order)
	if err != nil {
		return nil, err
	}
	var w *Follower
	defer func() { done(w) }()
	s := d.sides
	d.mu.Lock()
	d.pace = order.Pace
	d.mu.Unlock()
	from, to := s.Blue, s.Green
	if order.From == s.Green {
		from, to = to, from
	}
	open := func(t engines.TargetID) Open {
		return func(ctx context.Context) (engines.Comparer, error) { return s.Engine.OpenComparer(s.Request(ctx, t)) }
	}
	log := func(t engines.TargetID) func(context.Context, []engines.TableDigest, string) (engines.Tracker, error) {
		return func(ctx context.Context, tables []engines.TableDigest, from string) (engines.Tracker, error) {
			return s.Engine.OpenTracker(s.Request(ctx, t), engines.TrackRequest{Slot: order.Slot, Publication: order.Publication, From: from, Tables: tables, Receives: t == to})
		}
	}
	o := Options{Blue: open(from), Green: open(to), Back: from == s.Green, Digests: s.Engine.Digests, Now: s.Now, DataOnly: true, Limits: d.limits,
		Tables: order.Tables, Except: order.Except, Strength: order.Strength}
	last, held := time.Time{}, false
	o.Progress = func(p tablediff.Progress) {
		every := sayEvery
		if p.Held != "" { // a night of standing still is no news every second
			every *= 12
		}
		if now := s.Now(); now.Sub(last) >= every || held != (p.Held != "") {
			last, held = now, p.Held != ""
			s.Say(p.Held != "", fmt.Sprintf("comparing: %d of %d parts, %d of about %d rows, %.0f rows/s %s", p.Done, p.Parts, p.Rows, p.Total, p.Rate(), p.Held))
		}
	}
	began := s.Now()
	w, _, err = NewFollower(ctx, Follow{Options: o, BlueLog: log(from), GreenLog: log(to), Keep: d.file(), Begun: d.watch, Name: s.Name, Say: func(text string) { s.Say(true, text) }})
	if err != nil {
		return nil, err
	}
	rows, tables := w.Compared()
	return []string{"equal", strconv.FormatInt(rows, 10), strconv.Itoa(tables), ms(s.Now().Sub(began)), listed(w.Left())}, nil
}

// prove says whether every row is equal at a token.
func (d *Door) prove(ctx context.Context, token string) ([]string, error) {
	d.mu.Lock()
	w := d.w
	d.mu.Unlock()
	if w == nil {
		return nil, errNothing
	}
	p, err := w.At(ctx, token)
	if err != nil {
		return nil, err
	}
	d.sides.Say(false, fmt.Sprintf("every row of %d tables is equal at the freeze: %d were compared before, %s; %d keys verified in %s (%s until both logs were read)",
		p.Tables, p.Rows, p.counted(), p.Keys, p.Took.Round(time.Millisecond), p.Fences.Round(time.Millisecond)))
	return []string{"equal", strconv.FormatInt(p.Rows, 10), strconv.Itoa(p.Tables), ms(p.Took), strconv.Itoa(p.Keys), listed(p.Wholes), listed(w.Left()), p.counted()}, nil
}

// counted says what became of the rows that were compared first.
func (p Proof) counted() string {
	if p.Since.IsZero() {
		return "how many came and went since was not counted for all tables"
	}
	return fmt.Sprintf("%d came and %d went since %s on both sides", p.Added, p.Gone, p.Since.UTC().Format(time.RFC3339))
}

// listed names objects for the record: a field that is empty says nothing.
func listed(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
