package report

import (
	"fmt"
	"html/template"
	"strings"
	"time"
)

const (
	chartW = 260.0
	chartH = 44.0
)

// Chart is a small picture of one gauge.
type Chart struct {
	Name, Unit, Low, High string
	SVG                   template.HTML
}

// Charts draws every gauge that moved or failed; a flat line says nothing that
// its value does not.
func (n *Night) Charts() []Chart {
	var out []Chart
	for _, t := range n.Gauges {
		if strings.HasPrefix(t.Unit, "state ") {
			continue // a word, not a quantity
		}
		if c, ok := t.chart(n.Started, n.last()); ok {
			out = append(out, c)
		}
	}
	return out
}

func (n *Night) last() time.Time {
	if len(n.Entries) == 0 {
		return time.Time{}
	}
	return n.Entries[len(n.Entries)-1].Time
}

// chart draws t between two times. A reading that failed is a gap in the line,
// never a value.
func (t Track) chart(from, to time.Time) (Chart, bool) {
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
	svg := fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" preserveAspectRatio="none"><path d="%s"/></svg>`, chartW, chartH, path.String())
	return Chart{Name: t.Name, Unit: t.Unit, Low: fmt.Sprint(low), High: fmt.Sprint(high),
		SVG: template.HTML(svg)}, true // numbers and fixed letters only
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
