package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/report"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/tui"
)

const (
	// castEvery is how far apart two frames stand at least: lines that were
	// written within it are seen at once.
	castEvery = 100 * time.Millisecond
	// castTick draws the running clocks of a silence.
	castTick = time.Second
	// The largest screen of a cast, in cells: players draw each of them.
	castMaxW, castMaxH = 300, 100
)

// size is that of a screen, in cells.
type size struct{ w, h int }

func parseSize(s string) (size, error) {
	var z size
	n, err := fmt.Sscanf(s, "%dx%d", &z.w, &z.h)
	if err != nil || n != 2 || fmt.Sprintf("%dx%d", z.w, z.h) != s || z.w < 80 || z.h < 24 || z.w > castMaxW || z.h > castMaxH {
		return z, usage("give columns and rows, such as 120x40", "--size %s: not a screen between 80x24 and %dx%d", s, castMaxW, castMaxH)
	}
	return z, nil
}

// writeCast draws the cockpit as the record tells it, frame by frame. The same
// record gives the same bytes.
func writeCast(w io.Writer, dir string, z size) error {
	past, err := session.OpenPast(dir)
	if err != nil {
		return err
	}
	cast, err := report.NewCast(w, past.At(0).Sid, z.w, z.h, past.Time(0))
	if err != nil {
		return err
	}
	f := filming{past: past, cast: cast, z: z, th: tui.NewTheme(tui.TrueColour, false, false)}
	for i := range past.Len() {
		if err := f.line(i); err != nil {
			return fmt.Errorf("draw entry %d: %w", i, err)
		}
	}
	return cast.Close()
}

type filming struct {
	past *session.Past
	cast *report.Cast
	th   *tui.Theme
	z    size
	last time.Time // of the last frame
}

// line draws entry i if it is worth a frame of its own, and the silence after it.
func (f *filming) line(i int) error {
	at, end := f.past.Time(i), i == f.past.Len()-1
	next := at
	if !end {
		next = f.past.Time(i + 1)
	}
	step := i > 0 && f.past.StepFrom(i-1, 1) == i && f.past.StepFrom(i+1, -1) == i
	if !step && !end && next.Sub(f.last) < castEvery {
		return nil
	}
	s := f.past.At(i)
	if err := f.draw(i, s, at); err != nil {
		return err
	}
	if step {
		c := s.Cards[s.Current]
		if err := f.cast.Marker(at, strings.TrimSpace(fmt.Sprintf("seq %d: step %s %s", i, s.Current, c.Title))); err != nil {
			return err
		}
	}
	for t := castTick; t < report.Shown(next.Sub(at)); t += castTick {
		if err := f.draw(i, f.past.Between(i, at.Add(t)), at.Add(t)); err != nil {
			return err
		}
	}
	return nil
}

func (f *filming) draw(i int, s session.Snapshot, at time.Time) error {
	f.last = at
	note := fmt.Sprintf("entry %d of %d   %s   %s", i, f.past.Len()-1, at.UTC().Format("2006-01-02 15:04:05Z"), report.CastLabel)
	return f.cast.Frame(at, tui.Still(f.th, s, f.z.w, f.z.h, note))
}
