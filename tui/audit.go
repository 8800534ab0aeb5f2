package tui

import (
	"strconv"

	"github.com/turquoise-db/turquoise/session"
)

func recordLine(r session.RecordLine, w int) line {
	l := line{{dim, utc(r.At) + "  "}, {text | bold, r.By + "  "}}
	if r.Step != "" {
		l = append(l, seg{text, r.Step + " "})
	}
	l = append(l, seg{text, r.Text})
	return spread(l, one(dim, short(r.Hash, 6)+"…"), w)
}

// recordText is a line of the record as a search sees it.
func recordText(r session.RecordLine) string {
	return utc(r.At) + " " + r.By + " " + r.Step + " " + r.Text + " " + r.Hash
}

func recordState(t session.RecordTail) line {
	n := strconv.Itoa(t.Count) + " entries"
	if !t.OK {
		return line{{red | bold, "✗ "}, {red | bold, t.State}, {dim, ", " + n}}
	}
	return line{{text, "✓ "}, {dim, t.State + ", " + n}}
}

// auditPane shows the newest entries of the record, newest last.
func auditPane(th *Theme, s session.Snapshot, k look, w, h int) []line {
	room := max(h-2, 0)
	ls := s.Record.Lines
	back := 0
	if k.pane == paneAudit {
		back = min(k.scroll, max(len(ls)-room, 0))
	}
	ls = ls[:len(ls)-back]
	from := max(len(ls)-room, 0)
	ls = ls[from:]
	body := make([]line, 0, len(ls))
	hit := -1
	if f := k.find; f.open && !f.typing && k.pane == paneAudit {
		hit = f.at
	}
	for i, r := range ls {
		l := recordLine(r, w-4)
		if from+i == hit {
			l = selected(append(line{{turq | bold, "►"}}, recordLine(r, w-5)...))
		}
		body = append(body, l)
	}
	t := dim | bold
	if k.pane == paneAudit {
		t = turq | bold
	}
	return panel{title: one(t, "AUDIT"), right: recordState(s.Record), focus: k.pane == paneAudit}.draw(th, w, h, body)
}

// newestLine is the last entry of the record, for the compact layout.
func newestLine(s session.Snapshot, w int) line {
	if !s.Record.OK {
		return append(line{{text, " "}}, recordState(s.Record)...).fit(w)
	}
	n := len(s.Record.Lines)
	if n == 0 {
		return one(dim, " no entry yet").fit(w)
	}
	return append(line{{text, " "}}, append(recordLine(s.Record.Lines[n-1], w-2), seg{text, " "})...).fit(w)
}
