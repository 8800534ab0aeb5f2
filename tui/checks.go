package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// passes is what a check counts as: a stale one is unknown whatever it said.
func passes(c session.CheckRow) bool { return c.Over || c.Status == checks.Pass && !c.Stale }

func failing(rows []session.CheckRow) int {
	n := 0
	for _, r := range rows {
		if !passes(r) {
			n++
		}
	}
	return n
}

// sorted puts what does not pass to the top.
func sorted(rows []session.CheckRow) []session.CheckRow {
	var bad, good []session.CheckRow
	for _, r := range rows {
		if passes(r) {
			good = append(good, r)
		} else {
			bad = append(bad, r)
		}
	}
	return append(bad, good...)
}

// foundWord says what a check of the preflight that does not pass means for the walk.
func foundWord(r session.CheckRow) string {
	switch {
	case r.Over:
		return "is overridden"
	case r.Never:
		return "DOES NOT PASS and cannot be overridden"
	}
	return "DOES NOT PASS"
}

// endsWhen heads the checks that a step without a statement waits for: that
// they do not hold yet is no failure.
const endsWhen = "ENDS WHEN"

// statementless says that the step changes nothing: it reads, or it waits.
func statementless(c session.Card) bool {
	return len(c.Statements) == 0 && c.PlanErr == "" && c.Risk == runbooks.Read && c.PlanText != ""
}

// checksOf are the checks that matter in the phase of the step.
func checksOf(c session.Card) ([]session.CheckRow, string) {
	if len(c.Found) > 0 && (c.Phase == steps.Failed || c.Phase == steps.Pending || c.Phase == steps.Done) {
		return c.Found, "FOUND"
	}
	if statementless(c) && len(c.After) > 0 && failing(c.Before) == 0 && (c.Phase <= steps.Armed || running(c)) {
		return c.After, endsWhen
	}
	if c.Phase == steps.Proving || c.Phase == steps.Done || c.Phase == steps.Failed && len(c.After) > 0 {
		return c.After, "AFTER"
	}
	return c.Before, "BEFORE"
}

// checkRows is the least number of rows that a level takes for the checks.
func checkRows(c session.Card, lv int) int {
	rows, _ := checksOf(c)
	switch {
	case lv < 3:
		return len(rows)
	case lv < maxLevel:
		return failing(rows)
	}
	return 0
}

func checkLines(c session.Card, lv, w int) []line {
	rows, label := checksOf(c)
	if len(rows) == 0 {
		return nil
	}
	a, b := checkColumns(rows, w)
	var out []line
	if lv < maxLevel {
		out = append(out, line{{dim | bold, one(text, label).fit(a + 3).plain()}, {dim, one(dim, "want").fit(b + 2).plain()}, {dim, "is"}})
	}
	bad := failing(rows)
	show := sorted(rows)
	if lv >= 3 {
		show = show[:bad]
	}
	if lv >= maxLevel {
		limit := 3
		if running(c) {
			limit = 0
		}
		show = show[:min(len(show), limit)]
	}
	for _, r := range show {
		out = append(out, checkLine(r, a, b, w, label == endsWhen))
	}
	if running(c) && label == "BEFORE" && bad > 0 {
		return append(out[:min(len(out), 0)], line{{text, "✓ "}, {text, strconv.Itoa(len(rows)) + " passed when it was confirmed"}, {dim, "   " + strconv.Itoa(bad) + " moved since"}})
	}
	if hidden := bad - min(bad, len(show)); hidden > 0 {
		out = append(out, one(red|bold, strconv.Itoa(hidden)+" more do not pass"))
	}
	if good := len(rows) - bad; lv >= 3 && good > 0 {
		out = append(out, line{{text, "✓ "}, {text, strconv.Itoa(good) + " of " + strconv.Itoa(len(rows)) + " pass"}, {dim, "   enter: all"}})
	}
	return out
}

// checkColumns gives names and wishes the room that they need, within limits:
// what a check found out stands behind them and matters more.
func checkColumns(rows []session.CheckRow, w int) (a, b int) {
	a, b = 10, 6
	for _, r := range rows {
		a, b = max(a, width(r.Name)), max(b, width(r.Want))
	}
	return min(a, max(w*36/100, 12)), min(b, max(w*27/100, 10))
}

func checkLine(r session.CheckRow, a, b, w int, waits bool) line {
	mark, t := seg{text, "✓ "}, text
	is := r.Is
	switch {
	case r.Over:
		mark, t = seg{amber | bold, "! "}, amber
		is += "  overridden"
	case r.Never && r.Status == checks.Unknown:
		mark, t = seg{amber | bold, "? "}, amber|bold
		is += "  cannot be overridden"
	case r.Never:
		mark, t = seg{red | bold, "✗ "}, red|bold
		is += "  cannot be overridden"
	case r.Status != checks.Pass && r.Held > 0 && r.NeedHold > 0:
		mark, t = seg{amber | bold, "○ "}, amber
		is += "  held " + clock(r.Held) + " of " + clock(r.NeedHold)
	case waits && !r.Stale && r.Status == checks.Fail:
		mark, t = seg{amber | bold, "○ "}, amber
	case r.Stale || r.Status == checks.Unknown:
		mark, t = seg{amber | bold, "? "}, amber|bold
		is = "unknown"
		if r.Reason != "" {
			is += ", " + r.Reason
		} else if r.Age > 0 {
			is += ", " + age(r.Age) + " old"
		}
	case r.Status == checks.Fail:
		mark, t = seg{red | bold, "✗ "}, red|bold
		if r.Reason != "" && w > 70 {
			is += "  " + r.Reason
		}
	}
	l := line{mark}
	l = append(l, one(text, r.Name).fit(a)...)
	l = append(l, seg{text, " "})
	l = append(l, one(dim, r.Want).fit(b)...)
	return append(l, seg{text, "  "}, seg{t, is})
}

// maxAgainst is how many overridden checks a box names; the text to be read before
// it and the details name all.
const maxAgainst = 3

const allAgainst = 1 << 20

// againstLines name the checks that were overridden and that the step relies on:
// whoever confirms it confirms that too.
func againstLines(c session.Card, most, w int) []line {
	if len(c.Against) == 0 {
		return nil
	}
	n := len(c.Against)
	out := []line{{{amber | bold, "OVERRIDDEN "}, {text, strconv.Itoa(n) + plural(n, " check") + " did not pass and " + map[bool]string{true: "was", false: "were"}[n == 1] + " overridden:"}}}
	for i, a := range c.Against {
		if i == most {
			out = append(out, one(amber, "  … "+strconv.Itoa(n-most)+" more; enter on the card shows all"))
			break
		}
		who := "signed by " + strings.Join(a.Signed, ", ")
		l := line{{amber, "! "}, {text, a.Check}, {text, ": " + a.Is}, {dim, "  step " + string(a.Step) + ", " + who}}
		if most < n || l.width() > w {
			l = line{{amber, "! "}, {text, a.Check}, {text, ": " + a.Is}, {dim, "  " + who}}
		}
		out = append(out, l)
		if most > maxAgainst {
			for _, r := range words("because: "+a.Reason, w-2) {
				out = append(out, one(dim, "  "+r))
			}
		}
	}
	return out
}
