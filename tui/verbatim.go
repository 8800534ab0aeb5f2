package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/session"
)

// sqlWords are drawn as keywords where a statement writes them in capitals.
const sqlWords = " ALTER AND ANALYZE ANY AS AT BEGIN BY CALL CASE CHECKPOINT COMMIT COPY CREATE DATABASE DELETE DISABLE DROP ELSE ENABLE END EXISTS FOR FROM GRANT IN INSERT INTO IS JOIN LIKE LIMIT LOGIN NOLOGIN NOT NULL ON OR ORDER PAUSE PUBLICATION REASSIGN RELOAD RESET RESUME REVOKE ROLE SELECT SEQUENCE SET SHOW SLOT SUBSCRIPTION SYSTEM TABLE THEN TO TRUNCATE UPDATE USER USING VALUES WHEN WHERE WITH "

// painted splits a row of a statement into keywords and the rest.
func painted(s string) line {
	var l line
	plain, i := 0, 0
	for i < len(s) {
		if !capital(s[i]) {
			i++
			continue
		}
		j := i
		for j < len(s) && capital(s[j]) {
			j++
		}
		if word := s[i:j]; len(word) > 1 && strings.Contains(sqlWords, " "+word+" ") {
			if i > plain {
				l = append(l, seg{code, s[plain:i]})
			}
			l = append(l, seg{keyword, word})
			plain = j
		}
		i = j
	}
	return append(l, seg{code, s[plain:]})
}

// capital also takes what may continue an identifier, so that a keyword inside
// of a name is not one.
func capital(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_' || c >= '0' && c <= '9'
}

// gutter draws text word for word, with a mark before each row: │ begins a line
// of the text, ↳ goes on with one.
func gutter(s string, w int, mark tok) []line {
	var out []line
	for _, r := range wrap(s, w-2) {
		g := "│ "
		if r.cont {
			g = "↳ "
		}
		out = append(out, append(line{{mark, g}}, painted(r.s)...))
	}
	return out
}

func statementGlyph(state string, second int) seg {
	switch state {
	case "running":
		return seg{turq | bold, wheel[((second%4)+4)%4]}
	case "done":
		return seg{text | bold, "✓"}
	case "refused", "unsent", "failed":
		return seg{red | bold, "✗"}
	case "unclear":
		return seg{amber | bold, "?"}
	case "skipped":
		return seg{amber, "⊘"}
	}
	return seg{dim, "○"}
}

func statementTok(state string) tok {
	switch state {
	case "running":
		return turq
	case "refused", "failed", "unsent":
		return red
	case "unclear":
		return amber
	}
	return faint
}

// grouped draws statements with a head of their own each: number, state, place,
// what it is for. at is the row of the running or newest ended one.
func grouped(sts []session.Statement, second, w int) (out []line, at int) {
	for _, st := range sts {
		if st.State != "" && st.State != "skipped" {
			at = len(out)
		}
		head := line{{dim | bold, padLeft(strconv.Itoa(st.N), 2) + " "}, statementGlyph(st.State, second), {text, " "}}
		head = append(head, seg{text | bold, string(st.Target)}, seg{dim, " " + st.Verb + "  "}, seg{text, st.Title})
		right := line{}
		switch {
		case st.State != "" && st.Took > 0:
			right = one(dim, st.State+" "+brief(st.Took))
		case st.State != "":
			right = one(dim, st.State)
		}
		out = append(out, spread(head, right, w))
		for _, l := range gutter(st.Text, w-2, gutterTok(st.State)) {
			out = append(out, append(line{{text, "  "}}, l...))
		}
		if st.Note != "" {
			for _, s := range words(st.Note, w-4) {
				out = append(out, one(dim, "    "+s))
			}
		}
	}
	return out, at
}

func gutterTok(state string) tok {
	if t := statementTok(state); t != faint {
		return t
	}
	return turq
}

// simple reports whether the texts need no heads of their own.
func simple(c session.Card) bool {
	for _, st := range c.Statements {
		if st.Title != "" || st.Note != "" || (st.Target != "" && st.Target != c.On) {
			return len(c.Statements) == 1 && st.Note == ""
		}
	}
	return !c.Block
}

// willRun is everything that the confirm would run, word for word.
func willRun(c session.Card, second, w int) ([]line, int) {
	if statementless(c) {
		var out []line
		for _, l := range words("It changes nothing on any server.", w) {
			out = append(out, one(text, l))
		}
		return out, 0
	}
	if len(c.Statements) == 0 {
		return gutter(c.PlanText, w, turq), 0
	}
	if !simple(c) {
		return grouped(c.Statements, second, w)
	}
	var out []line
	at := 0
	for _, st := range c.Statements {
		if st.State != "" {
			at = len(out)
		}
		quiet := st.State == "" && c.Started.IsZero()
		room := w - 2 // for the glyph
		if quiet {
			room = w
		}
		for i, l := range gutter(st.Text, room, gutterTok(st.State)) {
			mark := seg{text, "  "}
			if i == 0 && st.State != "" {
				mark = statementGlyph(st.State, second)
				mark.s += " "
			}
			if quiet {
				out = append(out, l)
				continue
			}
			out = append(out, append(line{mark}, l...))
		}
	}
	return out, at
}

// everything is willRun with what runs by itself if it fails, and what would
// take it back: the text of the pager, and what a confirm agrees to.
func everything(c session.Card, second, w int) []line {
	out, _ := willRun(c, second, w)
	if len(c.Abort) > 0 {
		out = append(out, nil, one(amber|bold, "IF IT FAILS, BY ITSELF"))
		ls, _ := grouped(c.Abort, second, w)
		out = append(out, ls...)
	}
	return out
}

// window cuts a text to h rows around at, moved by off, and says how many are
// not shown.
func window(ls []line, at, off, h int, more string) []line {
	if len(ls) <= h || h < 1 {
		return ls
	}
	room := max(h-1, 1)
	from := min(max(max(at-room/3, 0)+off, 0), len(ls)-room)
	out := append([]line{}, ls[from:from+room]...)
	if h > 1 {
		hidden := len(ls) - room
		out = append(out, one(amber, "… "+strconv.Itoa(hidden)+" more "+plural(hidden, "line")+more))
	}
	return out
}

func plural(n int, s string) string {
	if n == 1 {
		return s
	}
	return s + "s"
}
