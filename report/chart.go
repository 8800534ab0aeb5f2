package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/steps"
)

const (
	chartW = 260.0
	chartH = 44.0
)

// Chart is a small picture of one gauge.
type Chart struct {
	Name, Low, High string
	SVG             template.HTML
}

// Charts draws every gauge that moved or failed; a flat line says nothing that
// its value does not.
func (n *Night) Charts() []Chart {
	var out []Chart
	for _, t := range n.Gauges {
		if strings.HasPrefix(t.Unit, "state ") {
			continue // a word, not a quantity
		}
		if t.constant() {
			continue
		}
		if c, ok := t.chart(n.Started, n.Last(), n.Freezes); ok {
			out = append(out, c)
		}
	}
	return out
}

// Last is the time of the last entry.
func (n *Night) Last() time.Time {
	if len(n.Entries) == 0 {
		return time.Time{}
	}
	return n.Entries[len(n.Entries)-1].Time
}

// chart draws t between two times. A reading that failed is a gap in the line,
// never a value.
func (t Track) chart(from, to time.Time, freezes []steps.FreezeState) (Chart, bool) {
	low, high, any := t.bounds()
	if !any || !to.After(from) {
		return Chart{}, false
	}
	reach := float64(high - low)
	if reach == 0 {
		reach = 1
	}
	var path strings.Builder
	pen := "M"
	for i, v := range t.V {
		if v == nil {
			pen = "M"
			continue
		}
		x := chartW * float64(t.At[i].Sub(from)) / float64(to.Sub(from))
		y := chartH - 2 - (chartH-4)*float64(*v-low)/reach
		fmt.Fprintf(&path, "%s%.1f %.1f", pen, x, y)
		pen = "L"
	}
	var stripes strings.Builder
	for _, z := range freezes {
		end := to
		if !z.On && !z.Ended.IsZero() {
			end = z.Ended
		}
		x := chartW * float64(z.Since.Sub(from)) / float64(to.Sub(from))
		fmt.Fprintf(&stripes, `<rect x="%.1f" y="0" width="%.1f" height="%.0f"/>`, x, max(chartW*float64(end.Sub(z.Since))/float64(to.Sub(from)), 1.5), chartH)
	}
	svg := fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" preserveAspectRatio="none">%s<path d="%s"/></svg>`, chartW, chartH, stripes.String(), path.String())
	return Chart{Name: t.Name, Low: quantity(low, t.Unit), High: quantity(high, t.Unit),
		SVG: template.HTML(svg)}, true // numbers and fixed letters only
}

// constant reports whether every reading gave the same and none failed.
func (t Track) constant() bool {
	low, high, any := t.bounds()
	return any && low == high && !slices.Contains(t.V, nil)
}

// Constant lists the gauges whose line would be flat.
func (n *Night) Constant() string {
	var out []string
	for _, t := range n.Gauges {
		if low, _, _ := t.bounds(); t.constant() && !strings.HasPrefix(t.Unit, "state ") {
			out = append(out, t.Name+" "+quantity(low, t.Unit))
		}
	}
	return strings.Join(out, ", ")
}

// quantity writes a reading as people say it.
func quantity(v int64, unit string) string {
	switch {
	case unit == "µs":
		return span(time.Duration(v) * time.Microsecond)
	case unit == "n" || unit == "":
		return grouped(fmt.Sprint(v))
	case unit != "B" || v < 10_000:
		return grouped(fmt.Sprint(v)) + " " + unit
	case v < 10_000_000:
		return fmt.Sprintf("%d kB", v/1000)
	case v < 10_000_000_000:
		return fmt.Sprintf("%d MB", v/1_000_000)
	}
	return fmt.Sprintf("%d GB", v/1_000_000_000)
}

func (t Track) bounds() (low, high int64, any bool) {
	for _, v := range t.V {
		switch {
		case v == nil:
		case !any:
			low, high, any = *v, *v, true
		default:
			low, high = min(low, *v), max(high, *v)
		}
	}
	return low, high, any
}
