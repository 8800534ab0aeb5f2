package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/turquoise-db/turquoise/checks/tablediff"
)

// interruptible ends the context on the first signal: what is read may be left
// at any moment.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}

// quietEvery is how often progress is printed where nobody watches a terminal.
const quietEvery = 10 * time.Second

// diffProgress writes one line that is drawn over, or a line now and then.
func (a *App) diffProgress(now func() time.Time) func(tablediff.Progress) {
	f, ok := a.Err.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd()))
	var mu sync.Mutex
	last, phase := time.Time{}, ""
	return func(p tablediff.Progress) {
		mu.Lock()
		defer mu.Unlock()
		at := now()
		if !live && p.Phase == phase && at.Sub(last) < quietEvery {
			return
		}
		last, phase = at, p.Phase
		line := progressLine(p)
		if live {
			line = "\r\x1b[K" + line
			if p.Phase != "reading" && p.Phase != "settling" {
				line += "\n"
			}
		} else {
			line += "\n"
		}
		// There is nobody to tell if progress cannot be shown; the report still comes.
		_, _ = fmt.Fprint(a.Err, line)
	}
}

func progressLine(p tablediff.Progress) string {
	s := fmt.Sprintf("%s: %d of %d parts, %s of about %s rows, %s rows/s", p.Phase, p.Done, p.Parts, thousands(p.Rows), thousands(p.Total), thousands(int64(p.Rate())))
	if eta, ok := p.ETA(); ok {
		s += ", " + eta.Round(time.Second).String() + " left"
	}
	if p.Differ > 0 {
		s += fmt.Sprintf(", %d rows differ or move", p.Differ)
	}
	if p.Held != "" {
		s += "; held: " + p.Held
	}
	return clean(s)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// diffText is the report for a person: the verdict first, then what stands
// against it, then the rest.
func diffText(r tablediff.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", strings.ToUpper(r.Verdict.String()))
	if r.Why != "" {
		fmt.Fprintf(&b, ": %s", r.Why)
	}
	fmt.Fprintf(&b, "\nblue  %s at %s\ngreen %s at %s\n", r.Blue.Server, orDash(r.Blue.Position), r.Green.Server, orDash(r.Green.Position))
	fmt.Fprintf(&b, "%s rows in %s, %s rows/s; %s\n", thousands(r.Rows), (time.Duration(r.TookMS) * time.Millisecond).String(), thousands(r.Rate), r.Strength)
	if !r.Replicated {
		b.WriteString("no replication from blue to green was needed or found: a difference is what stayed through three looks\n")
	}
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n%-9s %s  %s rows, %d parts", t.Verdict, t.Table, thousands(t.BlueRows), t.Parts)
		if t.Verdict == tablediff.Equal {
			continue
		}
		fmt.Fprintf(&b, "; green %s rows: %d missing, %d extra, %d different, %d still moving", thousands(t.GreenRows), t.Missing, t.Extra, t.Different, t.Moving)
		if t.Unnamed > 0 {
			fmt.Fprintf(&b, ", %d more parts differ and were not listed", t.Unnamed)
		}
		if t.Why != "" {
			fmt.Fprintf(&b, " (%s)", t.Why)
		}
		for _, s := range t.Samples {
			fmt.Fprintf(&b, "\n          %-12s %s", s.Class, keyText(t.Key, s.Key))
			for _, side := range []struct {
				name string
				row  map[string]*string
			}{{"blue", s.Blue}, {"green", s.Green}} {
				for c, v := range side.row {
					if other := s.Green; side.name == "blue" && v != nil && (other[c] == nil || *other[c] != *v) || side.name == "green" && v != nil && (s.Blue[c] == nil || *s.Blue[c] != *v) {
						fmt.Fprintf(&b, "\n            %s %s = %s", side.name, c, *v)
					}
				}
			}
		}
	}
	surroundings(&b, r)
	return b.String()
}

func surroundings(b *strings.Builder, r tablediff.Report) {
	for _, n := range r.Notes {
		word := "note"
		if n.Blind {
			word = "not compared"
		} else if n.Differs {
			word = "different"
		}
		fmt.Fprintf(b, "\n%-9s %s: %s", word, n.Object, n.Why)
	}
	for _, d := range r.Schema {
		fmt.Fprintf(b, "\nschema    %s %s: blue %s, green %s", d.Kind, d.Object, orDash(d.Blue), orDash(d.Green))
	}
	for _, q := range r.Sequences {
		state := "level"
		if q.Behind {
			state = "green is behind by " + q.Delta
		}
		if q.Differs {
			state = "different"
		}
		fmt.Fprintf(b, "\nsequence  %s: %s; %s", q.Sequence, state, q.Is)
	}
}

func keyText(cols, key []string) string {
	out := make([]string, len(cols))
	for i := range cols {
		out[i] = cols[i] + "=" + key[i]
	}
	return strings.Join(out, ", ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
