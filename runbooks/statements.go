package runbooks

import (
	"regexp"
	"strings"
)

// Statements takes a text apart at the semicolons between statements. Quotes,
// dollar quotes, comments and the bodies of triggers and routines are left whole.
func Statements(text string) []string {
	var out []string
	var b body
	start, i := 0, 0
	keep := func(end int) {
		if s := strings.TrimSpace(text[start:end]); strings.TrimSpace(sqlComment.ReplaceAllString(s, " ")) != "" {
			out = append(out, s)
		}
	}
	for i < len(text) {
		word := sqlWord.FindString(text[i:])
		switch c := text[i]; {
		case word != "":
			b.take(strings.ToUpper(word))
			i += len(word)
		case c == ';' && b.depth == 0:
			keep(i)
			i++
			start, b = i, body{}
		case c == '\'' || c == '"' || c == '`':
			i = skipPast(text, i+1, string(c))
		case strings.HasPrefix(text[i:], "--"):
			i = skipPast(text, i, "\n")
		case strings.HasPrefix(text[i:], "/*"):
			i = skipPast(text, i, "*/")
		case c == '$' && dollarQuote.MatchString(text[i:]):
			m := dollarQuote.FindString(text[i:])
			i = skipPast(text, i+len(m), m)
		default:
			b.ended = b.ended && (c == ' ' || c == '\n' || c == '\t') // "END, IF(" and "END; IF" are no END IF
			i++
		}
	}
	keep(len(text))
	return out
}

// sqlWord is a word of the language at the beginning of a text.
var sqlWord = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*`)

// body follows the words of one statement into the body of a trigger or a
// routine, whose own semicolons do not end it.
type body struct {
	create, code bool // CREATE was read, then what has a body
	depth        int  // open BEGIN and CASE
	ended        bool // the last word was END
}

func (b *body) take(word string) {
	was := b.ended
	b.ended = false
	switch word {
	case "CREATE":
		b.create = true
	case "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT":
		b.code = b.code || b.create
	case "BEGIN":
		if b.code {
			b.depth++
		}
	case "CASE":
		if b.depth > 0 && !was { // END CASE ends one
			b.depth++
		}
	case "IF", "LOOP", "WHILE", "REPEAT":
		if was { // END IF: what it ends was not counted
			b.depth++
		}
	case "END":
		if b.depth > 0 {
			b.depth--
			b.ended = true
		}
	}
}

// dollarQuote opens or closes a text of PostgreSQL: $$ or $name$.
var dollarQuote = regexp.MustCompile(`^\$([A-Za-z_][A-Za-z0-9_]*)?\$`)

// skipPast is the place behind the next end, or behind the text.
func skipPast(text string, from int, end string) int {
	if j := strings.Index(text[min(from, len(text)):], end); j >= 0 {
		return from + j + len(end)
	}
	return len(text)
}

// bare is a statement without what stands in quotes or comments: the words of
// the language alone.
func bare(text string) string {
	text = sqlComment.ReplaceAllString(text, " ")
	var b strings.Builder
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\'':
			i = skipPast(text, i+1, "'")
			b.WriteString("''")
		case c == '$' && dollarQuote.MatchString(text[i:]):
			m := dollarQuote.FindString(text[i:])
			i = skipPast(text, i+len(m), m)
			b.WriteString("''")
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}
