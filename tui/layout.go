package tui

import (
	"github.com/turquoise-db/turquoise/session"
)

// The smallest windows of the layouts. Below 80x24 no key acts.
const (
	minW, minH   = 80, 24
	stripW       = 100
	stripH       = 32
	columnsW     = 150
	columnsH     = 36
	bookW        = 36 // runbook pane of the strip layout
	auditH       = 5
	instrumentsH = 6
	wayH         = 5
)

type layout int

const (
	tiny layout = iota
	compact
	strips
	columns
)

func layoutOf(w, h int) layout {
	switch {
	case w < minW || h < minH:
		return tiny
	case w >= columnsW && h >= columnsH:
		return columns
	case w >= stripW && h >= stripH:
		return strips
	}
	return compact
}

// lit is how many rows stay lit above a box.
func (l layout) lit() int {
	switch l {
	case compact:
		return 4
	case tiny:
		return 0
	}
	return 3
}

// frame is the whole screen without a box: exactly h lines of w cells.
func frame(th *Theme, s session.Snapshot, k look, w, h int) []line {
	var out []line
	switch layoutOf(w, h) {
	case tiny:
		out = tinyFrame(s, w, h)
	case compact:
		out = compactFrame(th, s, k, w, h)
	case strips:
		out = stripFrame(th, s, k, w, h)
	default:
		out = columnFrame(th, s, k, w, h)
	}
	return block(out, w, h)
}

func tinyFrame(s session.Snapshot, w, h int) []line {
	c := s.Cards[s.Current]
	return []line{
		{modeSeg(s.Mode)},
		{{amber | bold, "window " + itoa(w) + "x" + itoa(h) + ", need 80x24"}},
		{{text, string(s.Current) + " "}, {text | bold, c.Title}, {dim, " " + c.Phase.String()}},
		freezeSegs(s.Freeze, true),
		{{dim, "keys that act are off"}},
	}
}

func itoa(n int) string { return count(int64(n)) }

func top(s session.Snapshot, k look, w int) []line {
	third, _ := alarmLine(s, k, w)
	return []line{identity(s, w), sides(s, w), third}
}

func compactFrame(th *Theme, s session.Snapshot, k look, w, h int) []line {
	third, ok := alarmLine(s, k, w)
	if !ok {
		third = glyphLine(s, w)
	}
	out := []line{identity(s, w), sides(s, w), strip(s, w), third}
	ph := h - 6
	way := wayFoot(s.Way, w-6)
	if k.zoom && k.pane == paneGauges && s.Compared != nil { // the gauges stand in line 3
		out = append(out, comparedPane(th, s, k, w, ph, way)...)
		return append(out, newestLine(s, w), keyLine(th, s, k, w))
	}
	switch k.pane {
	case paneRunbook:
		out = append(out, refoot(runbookPane(th, s, k, w, ph), way, w)...)
	case paneGauges:
		out = append(out, gaugeGrid(th, s, k, w, ph, way)...)
	case paneAudit:
		out = append(out, refoot(auditPane(th, s, k, w, ph), way, w)...)
	default:
		out = append(out, cardPane(th, s, k, w, ph, way)...)
	}
	return append(out, newestLine(s, w), keyLine(th, s, k, w))
}

// refoot puts the way back into the bottom border of a drawn panel.
func refoot(ls []line, way line, w int) []line {
	last := ls[len(ls)-1]
	ls[len(ls)-1] = edge(last[0].t, last[0].s, last[len(last)-1].s, "─", way, nil, w)
	return ls
}

func gaugeGrid(th *Theme, s session.Snapshot, k look, w, h int, way line) []line {
	half, rows := w/2, h-1
	if s.Release != nil {
		return append(releaseGrid(th, s, w, rows), edge(faint, "─", "─", "─", way, nil, w))
	}
	if s.Halves != nil {
		upper := (rows + 1) / 2
		out := beside(halfTile(th, s, 0, half, upper, true), halfTile(th, s, 1, w-half, upper, true))
		out = append(out, beside(routerTile(th, s, half, rows-upper, true, false), outageOrNot(th, s, w-half, rows-upper))...)
		return append(out, edge(faint, "─", "─", "─", way, nil, w))
	}
	third := 0
	if s.Router.Target != "" || s.Outage != nil {
		third = rows / 3
	}
	upper := (rows - third + 1) / 2
	mid := rows - third - upper
	out := beside(lagTile(th, s, half, upper, true), connTile(th, s, k, w-half, upper))
	out = append(out, beside(diffTile(th, s, half, mid, true), seqTile(th, s, w-half, mid, true))...)
	if third > 0 {
		out = append(out, beside(routerOrNot(th, s, half, third), outageOrNot(th, s, w-half, third))...)
	}
	return append(out, edge(faint, "─", "─", "─", way, nil, w))
}

func stripFrame(th *Theme, s session.Snapshot, k look, w, h int) []line {
	out := top(s, k, w)
	if k.zoom {
		return append(append(out, zoomed(th, s, k, w, h-4)...), keyLine(th, s, k, w))
	}
	f := k.pane == paneGauges
	lw, dw, sw := w*27/100, w*22/100, w*19/100
	switch {
	case s.Release != nil:
		out = append(out, releaseRow(th, s, w, instrumentsH, f)...)
	case s.Halves != nil:
		out = append(out, halvesRow(th, s, w, instrumentsH, f)...)
	default:
		out = append(out, beside(
			lagTile(th, s, lw, instrumentsH, f), connTile(th, s, k, w-lw-dw-sw, instrumentsH),
			diffTile(th, s, dw, instrumentsH, f), lastTile(th, s, sw, instrumentsH, f))...)
	}
	mid := h - 3 - instrumentsH - auditH - 1
	left := append(runbookPane(th, s, k, bookW, mid-wayH), wayTile(th, s, bookW, wayH)...)
	out = append(out, beside(left, cardPane(th, s, k, w-bookW, mid, nil))...)
	out = append(out, auditPane(th, s, k, w, auditH)...)
	return append(out, keyLine(th, s, k, w))
}

// zoomed gives the whole area below line 3 to the pane in focus.
func zoomed(th *Theme, s session.Snapshot, k look, w, h int) []line {
	way := wayFoot(s.Way, w-6)
	switch k.pane {
	case paneRunbook:
		k.unfold = true
		return refoot(runbookPane(th, s, k, w, h), way, w)
	case paneGauges:
		if s.Compared == nil {
			return gaugeGrid(th, s, k, w, h, way)
		}
		lw, sw := w*27/100, w*22/100
		top := beside(lagTile(th, s, lw, instrumentsH, true), connTile(th, s, k, w-lw-sw, instrumentsH), lastTile(th, s, sw, instrumentsH, true))
		return append(top, comparedPane(th, s, k, w, h-instrumentsH, way)...)
	case paneAudit:
		return refoot(auditPane(th, s, k, w, h), way, w)
	}
	return cardPane(th, s, k, w, h, way)
}

func columnFrame(th *Theme, s session.Snapshot, k look, w, h int) []line {
	out := top(s, k, w)
	if k.zoom {
		return append(append(out, zoomed(th, s, k, w, h-4)...), keyLine(th, s, k, w))
	}
	const left, right, record = 31, 36, 6
	mid := h - 3 - record - 1
	f := k.pane == paneGauges
	c := columnOf(s, mid)
	con := s
	if c.outage > 0 {
		con.Outage = nil
	}
	if s.Halves != nil || s.Release != nil {
		draw := halvesColumn
		if s.Release != nil {
			draw = releaseColumn
		}
		col := draw(th, s, right, mid, f)
		out = append(out, beside(runbookPane(th, s, k, left, mid), cardPane(th, s, k, w-left-right, mid, nil), col)...)
		out = append(out, auditPane(th, s, k, w, record)...)
		return append(out, keyLine(th, s, k, w))
	}
	col := lagTile(th, s, right, c.lag, f)
	col = append(col, connTile(th, con, k, right, c.conn)...)
	if c.outage > 0 {
		col = append(col, outageTile(th, s, right, c.outage)...)
	}
	if c.router > 0 {
		col = append(col, routerTile(th, s, right, c.router, f, c.seq == 0)...)
	}
	col = append(col, diffTile(th, s, right, c.diff, f)...)
	if c.seq > 0 {
		col = append(col, seqTile(th, s, right, c.seq, f)...)
	}
	col = append(col, wayTile(th, s, right, wayH)...)
	out = append(out, beside(runbookPane(th, s, k, left, mid), cardPane(th, s, k, w-left-right, mid, nil), col)...)
	out = append(out, auditPane(th, s, k, w, record)...)
	return append(out, keyLine(th, s, k, w))
}

// overlay lays a box over a frame. What it covers is drawn faint, or blank
// where there is no colour to say so; the lit rows stay as they are.
func overlay(th *Theme, base, over []line, lit, w int) []line {
	if len(over) == 0 {
		return base
	}
	bw := over[0].width()
	x, y := (w-bw)/2, lit+max((len(base)-lit-len(over))/2, 0)
	out := make([]line, len(base))
	for i, l := range base {
		if i < lit {
			out[i] = l
			continue
		}
		l = hush(th, l, w)
		if j := i - y; j >= 0 && j < len(over) {
			l = append(append(append(line{}, l.cut(0, x)...), over[j]...), l.cut(x+bw, w)...)
		}
		out[i] = l
	}
	return out
}

func hush(th *Theme, l line, w int) line {
	if th.mono() {
		return one(text, blanks(w))
	}
	out := make(line, len(l))
	for i, s := range l {
		out[i] = seg{faint, s.s}
	}
	return out
}
