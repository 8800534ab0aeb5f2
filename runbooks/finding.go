package runbooks

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// pos is a place in the source, from 1.
type pos struct{ line, column int }

// String returns the finding as lint prints it, without excerpt.
func (f Finding) String() string {
	s := fmt.Sprintf("%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Warning {
		s += "warning: "
	}
	s += f.Message
	if f.Next != "" {
		s += "\nnext: " + f.Next
	}
	return s
}

// Refused reports whether any finding is more than a warning.
func Refused(fs []Finding) bool {
	return slices.ContainsFunc(fs, func(f Finding) bool { return !f.Warning })
}

// sortFindings puts findings in the order of the source, so that an author can
// walk down the file once.
func sortFindings(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// excerpt returns the line with a caret below the column. From hide on (a
// column; 0: nothing) the line is not shown: there stands something secret.
func excerpt(lines []string, at pos, hide int) string {
	if at.line < 1 || at.line > len(lines) {
		return ""
	}
	if i := password.FindStringIndex(lines[at.line-1]); i != nil && (hide == 0 || hide > i[0]+1) {
		hide = utf8.RuneCountInString(lines[at.line-1][:i[0]]) + 1
	}
	line := []rune(strings.ToValidUTF8(strings.TrimRight(lines[at.line-1], "\r"), "\uFFFD"))
	if hide > 0 && hide-1 < len(line) {
		line = append(slices.Clone(line[:hide-1]), []rune("(not shown)")...)
	}
	const most = 160 // longer lines are not read on a terminal
	if len(line) > most {
		line = append(line[:most:most], '…')
	}
	for i, r := range line {
		if r == '\t' || r < ' ' || r == 0x7f {
			line[i] = ' '
		}
	}
	col := min(max(at.column, 1), len(line)+1)
	return string(line) + "\n" + strings.Repeat(" ", col-1) + "^"
}

// suggest returns "did you mean …?" if one of the words is near, else what there is.
func suggest(word string, words []string) string {
	best, at := len(word)/2+2, ""
	for _, w := range words {
		if n := distance(strings.ToLower(word), strings.ToLower(w)); n < best {
			best, at = n, w
		}
	}
	if at != "" {
		return fmt.Sprintf("did you mean %q?", at)
	}
	if len(words) == 0 {
		return ""
	}
	return "use one of: " + strings.Join(words, ", ")
}

// distance is Levenshtein's, with a transposition counted once.
func distance(a, b string) int {
	const most = 64 // names are short; a long one is no typing error
	if utf8.RuneCountInString(a) > most || utf8.RuneCountInString(b) > most {
		return most
	}
	x, y := []rune(a), []rune(b)
	d := make([][]int, len(x)+1)
	for i := range d {
		d[i] = make([]int, len(y)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(x)][len(y)]
}
