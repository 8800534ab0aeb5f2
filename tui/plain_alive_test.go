package tui

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/session"
)

// lines is a plain screen without its loop, with a clock of its own.
type lines struct {
	*plain
	buf  bytes.Buffer
	sess sent
	at   time.Time
}

func newLines(s session.Snapshot, ascii bool) *lines {
	l := &lines{at: night}
	l.plain = &plain{sess: &l.sess, out: &l.buf, th: NewTheme(NoColour, false, ascii), now: func() time.Time { return l.at },
		me: session.Person{Name: "ada", Role: roleOperator}, gates: map[string]checks.Status{}, newsAt: night, saidAt: night}
	l.onSnapshot(s)
	return l
}

// after lets seconds go by, with the beat of each, and returns what was said.
func (l *lines) after(seconds int) string {
	l.buf.Reset()
	for range seconds {
		l.at = l.at.Add(time.Second)
		l.onBeat()
	}
	return l.buf.String()
}

func (l *lines) news(s session.Snapshot) string {
	l.buf.Reset()
	s.Seq = l.snap.Seq + 1
	l.onSnapshot(s)
	return l.buf.String()
}

// G7 and L8: lines do not move, so silence is said in words, and what is taken
// for the state of now acts on nothing.
func TestL8PlainSaysThatNoNewsCome(t *testing.T) {
	l := newLines(ready(), false)
	if got := l.after(2); got != "" {
		t.Errorf("after 2 s: %q", got)
	}
	if got := l.after(3); strings.Count(got, "no news from the session 3 s, what was said is old") != 1 {
		t.Errorf("after 5 s: %q", got)
	}
	l.onChoice("1") // run
	if len(l.sess.got) != 0 || !strings.Contains(l.buf.String(), "no news from the session: nothing was done") {
		t.Errorf("sent %v, said %q", l.sess.got, l.buf.String())
	}
	if got := l.news(ready()); !strings.Contains(got, "news again") {
		t.Errorf("news: %q", got)
	}
	l.onChoice("1")
	if len(l.sess.got) != 1 {
		t.Errorf("sent %v after the news", l.sess.got)
	}
}

// A quiet session says that it lives: after a minute, and every ten seconds
// while something runs.
func TestL8PlainSaysThatItLives(t *testing.T) {
	for _, c := range []struct {
		s     session.Snapshot
		every int
		want  string
	}{{ready(), 60, "step 3.2 pending. lag 9.6 KiB. writes: BLUE. freeze off"}, {frozen(), 10, "step 3.2 running for 00:12 of 00:30 planned"}} {
		l := newLines(c.s, false)
		said := ""
		for range 2 * c.every {
			said += l.after(1)
			l.news(c.s)
			said += l.buf.String()
		}
		if n := strings.Count(said, "ALIVE"); n != 2 || !strings.Contains(said, c.want) {
			t.Errorf("%d alive lines in %d s: %q", n, 2*c.every, said)
		}
	}
}

// Typed-ahead input is thrown away before each question, by the terminal too.
func TestPlainFlushesBeforeItAsks(t *testing.T) {
	l := newLines(ready(), false)
	n := 0
	l.flush = func() {
		n++
		if strings.Contains(l.buf.String(), "ASK    type blue") {
			t.Error("flushed after the question was printed")
		}
	}
	l.buf.Reset()
	l.askRun(armed(ready()).Cards["3.2"])
	if n != 1 {
		t.Errorf("flushed %d times", n)
	}
}

// In ASCII the lines of a statement keep every character.
func TestPlainInASCII(t *testing.T) {
	l := newLines(edited(ready(), func(c *session.Card) { c.Title = "Größe ≤ 5" }), true)
	c := ready().Cards["3.2"]
	c.Statements = []session.Statement{{N: 1, Text: "SELECT '≤ ä'"}}
	l.tellPlan(c)
	out := l.buf.String()
	for _, w := range []string{"Gr<U+00F6><U+00DF>e <= 5", "SELECT '<U+2264> <U+00E4>'", "way back: open"} {
		if !strings.Contains(out, w) {
			t.Errorf("lacks %q: %s", w, out)
		}
	}
	for _, r := range out {
		if r >= 0x80 {
			t.Fatalf("%q in ASCII lines", r)
		}
	}
}
