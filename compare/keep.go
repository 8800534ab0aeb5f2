package compare

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// keepEvery is how often what is known is made durable and the servers are told
// which part of their logs is not needed any more.
const keepEvery = 2 * time.Second

// checkpoint is what a follower needs to go on where another one ended. It names
// no row: whatever was not verified is told again by the logs, which are never let
// go beyond From.
type checkpoint struct {
	Header header
	Prints [2]map[string]string // of the tables' columns, on blue and green
	Stored [2]map[string]string // where the rows of the tables lay when they were compared
	From   [2]string            // positions up to which everything was verified
	Read   bool                 // every row was compared; else the journal beside it says which parts
	Rows   map[string]int64     // of blue, counted by the comparison
	Wholes map[string]string    // tables that have to be compared as a whole, with the reason
	At     time.Time
}

var errOther = errors.New("what was kept is about other servers, tables or columns")

// keep writes the checkpoint and then lets the logs go up to it, in this order: a
// server that forgot a change that no file holds would make it unknown.
func (w *Follower) keep() error {
	w.mu.Lock()
	b, g := w.ch.Floor(w.pos[0], w.pos[1])
	wholes := w.ch.Carried() // at the same moment
	lost, done := w.lost, w.read
	if lost == nil && done {
		w.verified, w.verifiedAt = w.logs[0].Text(b), w.f.Now()
	}
	w.mu.Unlock()
	if lost != nil {
		return nil
	}
	if err := w.put(done, b, g, wholes); err != nil {
		return err
	}
	w.logs[0].Confirm(b)
	w.logs[1].Confirm(g)
	return nil
}

// put writes the checkpoint.
func (w *Follower) put(read bool, blue, green uint64, wholes map[string]string) error {
	if w.f.Keep == "" {
		return nil
	}
	w.mu.Lock()
	lies := w.stored.lies()
	w.mu.Unlock()
	c := checkpoint{Header: w.r.header(), Prints: w.prints, Stored: lies, From: [2]string{w.logs[0].Text(blue), w.logs[1].Text(green)}, Read: read, Rows: map[string]int64{}, Wholes: wholes, At: w.f.Now()}
	w.r.mu.Lock()
	for i, t := range w.r.tables {
		c.Rows[t.Label()] = t.report.BlueRows
		c.Header.Tables[i].Parts = nil // cut anew with every plan
	}
	w.r.mu.Unlock()
	if err := replace(w.f.Keep, c); err != nil {
		return &engines.Error{Op: "keep what is verified", Object: w.f.Keep, Err: err,
			Next: "free the disk; until then the servers keep their logs, and a restart of the cockpit compares everything again"}
	}
	return nil
}

// replace writes a file whole or not at all.
func replace(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// open opens both logs: from where an earlier follower had verified everything,
// if that can be, else from where the slots are, and then every row is compared.
func (w *Follower) open(ctx context.Context, ds []engines.TableDigest) error {
	c, ok := kept(w.f.Keep)
	if ok {
		err := w.fits(c)
		if err == nil {
			if err = w.stream(ctx, ds, c.From); err == nil {
				return w.adopt(c)
			}
			w.shut()
			w.mu.Lock()
			w.logs = [2]engines.Tracker{}
			w.mu.Unlock()
		}
		if !errors.Is(err, errOther) && !errors.Is(err, engines.ErrGap) {
			return err // it may go better the next time, and nothing is lost yet
		}
		w.once("what an earlier comparison kept is of no use, every row is read: " + err.Error())
	}
	if err := w.stream(ctx, ds, [2]string{}); err != nil {
		return err
	}
	return w.fresh()
}

func (w *Follower) stream(ctx context.Context, ds []engines.TableDigest, from [2]string) error {
	for i, log := range []func(context.Context, []engines.TableDigest, string) (engines.Tracker, error){w.f.BlueLog, w.f.GreenLog} {
		l, err := log(ctx, ds, from[i])
		if err != nil {
			return err
		}
		w.mu.Lock()
		w.logs[i] = l
		w.mu.Unlock()
	}
	return nil
}

// keeper keeps what is known until the follower ends.
func (w *Follower) keeper() {
	t := time.NewTicker(keepEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if err := w.keep(); err != nil {
				w.once(err.Error())
			}
		case <-w.run.Done():
			return
		}
	}
}

// kept reads what an earlier follower left.
func kept(name string) (checkpoint, bool) {
	var c checkpoint
	if name == "" {
		return c, false
	}
	b, err := os.ReadFile(name)
	return c, err == nil && json.Unmarshal(b, &c) == nil
}

// fits says whether what was kept is about exactly what stands there now.
func (w *Follower) fits(c checkpoint) error {
	is := w.r.header()
	for i, m := range w.stored.seen {
		if (m == nil) != (c.Stored[i] == nil) {
			return errOther // written by a version that did not ask
		}
	}
	if !reflect.DeepEqual(c.Prints, w.prints) || c.Header.Blue != is.Blue || c.Header.Green != is.Green || c.Header.Strength != is.Strength || len(c.Header.Tables) != len(is.Tables) {
		return errOther
	}
	for i, t := range c.Header.Tables {
		if t.Table != is.Tables[i].Table || t.RowHash != is.Tables[i].RowHash {
			return errOther
		}
	}
	return nil
}

// adopt takes over what an earlier follower had compared: every row, or some
// parts. The logs tell all that changed since either was read.
func (w *Follower) adopt(c checkpoint) error {
	w.mu.Lock()
	w.stored.seen = c.Stored
	w.mu.Unlock()
	if !c.Read {
		w.r.o.Journal = NewJournal(w.parts())
		if err := w.r.o.Journal.open(w.r); !errors.Is(err, errJournal) {
			return err
		}
		return w.fresh() // another way of cutting: the parts say nothing
	}
	at, err := w.logs[0].Parse(c.From[0])
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.read = true
	w.ch.Carry(c.Wholes, at)
	w.mu.Unlock()
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	for _, t := range w.r.tables {
		t.report.BlueRows, t.left = c.Rows[t.Label()], 0
	}
	return nil
}

// parts is the file that keeps which parts are read.
func (w *Follower) parts() string { return w.f.Keep + ".parts" }

// fresh begins with nothing compared.
func (w *Follower) fresh() error {
	if w.f.Keep == "" {
		return nil
	}
	if err := os.Remove(w.parts()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &engines.Error{Op: "begin the comparison", Object: w.parts(), Err: err, Next: "remove the file"}
	}
	if err := w.put(false, w.logs[0].Start(), w.logs[1].Start(), nil); err != nil {
		return err
	}
	w.r.o.Journal = NewJournal(w.parts())
	return w.r.o.Journal.open(w.r)
}
