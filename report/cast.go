package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// CastLabel stands in the title and in every frame of a cast: the pictures are
// drawn anew from the record, and no check depends on them.
const CastLabel = "illustration, not evidence"

// longestSilence is the longest that a viewer of a cast waits for the next frame.
const longestSilence = 3 * time.Second

// Cast writes an asciicast, version 2: a terminal film that asciinema plays. Its
// times are those of the record, longer silences cut to three seconds.
type Cast struct {
	w    *bufio.Writer
	now  time.Duration // of the film
	at   time.Time     // of the record, of the last event
	rows []string
}

// NewCast writes the header. Width and height are in cells; began is the time of
// the first line of the record.
func NewCast(w io.Writer, sid string, width, height int, began time.Time) (*Cast, error) {
	c := &Cast{w: bufio.NewWriter(w), at: began}
	return c, c.put(struct {
		Version   int               `json:"version"`
		Width     int               `json:"width"`
		Height    int               `json:"height"`
		Timestamp int64             `json:"timestamp"`
		Title     string            `json:"title"`
		Env       map[string]string `json:"env"`
	}{2, width, height, began.Unix(), "turquoise " + sid + ": " + CastLabel, map[string]string{"TERM": "xterm-256color"}})
}

// Frame shows rows at a moment of the record. Rows that stand already are not
// written again.
func (c *Cast) Frame(at time.Time, rows []string) error {
	c.pass(at)
	var b strings.Builder
	if c.rows == nil {
		b.WriteString("\x1b[?25l\x1b[2J")
	}
	for i, r := range rows {
		if i >= len(c.rows) || c.rows[i] != r {
			fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[0m\x1b[K", i+1, r)
		}
	}
	c.rows = rows
	if b.Len() == 0 {
		return nil
	}
	return c.event("o", b.String())
}

// Marker names a moment of the record that a player can jump to.
func (c *Cast) Marker(at time.Time, text string) error {
	c.pass(at)
	return c.event("m", text)
}

// Shown is how long the film shows the silence between two moments of a record.
func Shown(silence time.Duration) time.Duration { return min(silence, longestSilence) }

// pass moves the film on. The wall clock of a record may step back; a film cannot.
func (c *Cast) pass(at time.Time) {
	if d := at.Sub(c.at); d > 0 {
		c.now += Shown(d)
	}
	c.at = at
}

func (c *Cast) event(code, data string) error {
	t := json.RawMessage(fmt.Sprintf("%d.%06d", c.now/time.Second, c.now%time.Second/time.Microsecond))
	return c.put([]any{t, code, data})
}

func (c *Cast) put(v any) error {
	enc := json.NewEncoder(c.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Close writes what is held back.
func (c *Cast) Close() error { return c.w.Flush() }
