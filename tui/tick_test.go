//go:build unix

package tui

import (
	"fmt"
	"io"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// wire takes what the real renderer sends to a terminal, write by write.
type wire struct{ writes chan string }

func (w *wire) Write(b []byte) (int, error) {
	w.writes <- string(b)
	return len(b), nil
}

// program is the real one, at its first frame.
func program(tb testing.TB, s session.Snapshot, w, h int) (p *tea.Program, out *wire, first int) {
	tb.Helper()
	out = &wire{writes: make(chan string, 1<<16)}
	in, keys := io.Pipe()
	m := New(Config{Session: &sent{}, Me: session.Person{Name: "ada", Role: roleOperator}, Now: func() time.Time { return night }, Pinned: true})
	p = tea.NewProgram(m, tea.WithInput(in), tea.WithOutput(out), tea.WithWindowSize(w, h), tea.WithColorProfile(colorprofile.TrueColor),
		tea.WithEnvironment([]string{"TERM=xterm-256color"}), tea.WithoutSignals(), tea.WithFPS(120))
	done := make(chan error, 1)
	go func() { _, err := p.Run(); done <- err }()
	tb.Cleanup(func() {
		p.Quit()
		if err := <-done; err != nil {
			tb.Error(err)
		}
		keys.Close()
	})
	p.Send(snapMsg(s))
	for text := ""; !strings.Contains(text, "leave"); { // the last word of the frame
		b := <-out.writes
		text += b
		first += len(b)
	}
	return p, out, first
}

// second is the n-th second of a session in which all instruments move.
func second(n int) session.Snapshot {
	s := ready()
	s.Seq, s.Now = uint64(n+2), s.Now.Add(time.Duration(n)*time.Second)
	g := s.Gauges["blue/behind_bytes"]
	g.History = append(g.History[1:len(g.History):len(g.History)], 9000+6000*math.Sin(float64(n)))
	g.Value, g.Held = g.History[len(g.History)-1], time.Duration(74+n)*time.Second
	s.Gauges = map[engines.GaugeID]session.Gauge{g.ID: g, "blue/lag_seconds": {ID: "blue/lag_seconds", Value: .3 + float64(n%7)/100, Unit: engines.Seconds, At: night, Age: time.Second}}
	for side, t := range s.Clients {
		rows := append([]session.ClientRow{}, t.Rows...)
		rows[0].Count += n % 5
		s.Clients[side].Rows, s.Clients[side].Total = rows, t.Total+n%5
	}
	s.Rows.Age, s.Seqs.Age = time.Duration(n%9)*time.Second, time.Duration(n%9)*time.Second
	return s
}

// seconds sends ticks and returns what went over the wire for them.
func seconds(p *tea.Program, out *wire, from, n int) (bytes int) {
	for i := range n {
		p.Send(snapMsg(second(from + i)))
		bytes += len(<-out.writes)
	}
	return bytes
}

// mostPerTick is what a second may send: a link of 9600 baud carries it.
const mostPerTick = 1000

// A second in which all instruments move sends what has changed, and no more.
func TestATickSendsLittle(t *testing.T) {
	const n = 30
	for _, sz := range [][2]int{{80, 24}, {120, 40}, {170, 46}} {
		p, out, first := program(t, ready(), sz[0], sz[1])
		got := seconds(p, out, 0, n) / n
		t.Logf("%dx%d: first frame %d bytes, a tick %d", sz[0], sz[1], first, got)
		if got > mostPerTick || got < 20 {
			t.Errorf("%dx%d: a tick sends %d bytes, at most %d", sz[0], sz[1], got, mostPerTick)
		}
	}
}

// BenchmarkProgramTick is a second of the whole program with the real renderer:
// bytes on the wire and processor time of the process.
func BenchmarkProgramTick(b *testing.B) {
	for _, sz := range [][2]int{{80, 24}, {120, 40}} {
		b.Run(fmt.Sprintf("%dx%d", sz[0], sz[1]), func(b *testing.B) {
			p, out, _ := program(b, ready(), sz[0], sz[1])
			n, bytes, before := 0, 0, processorTime(b)
			for b.Loop() {
				bytes += seconds(p, out, n, 1)
				n++
			}
			b.ReportMetric(float64(bytes)/float64(n), "wire-B/tick")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(n), "cpu-µs/tick")
		})
	}
}

func processorTime(b testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
