package mysql

import (
	"errors"
	"strconv"
	"strings"
)

// ident quotes a name.
func ident(s string) string { return "`" + strings.ReplaceAll(nul(s), "`", "``") + "`" }

// lit quotes a text value. Every session of ours runs under
// NO_BACKSLASH_ESCAPES, so a backslash is a character like any other.
func lit(s string) string { return "'" + strings.ReplaceAll(nul(s), "'", "''") + "'" }

// list is a list of quoted values, for IN (…). An empty one matches nothing.
func list(values []string) string {
	if len(values) == 0 {
		return "NULL"
	}
	q := make([]string, len(values))
	for i, v := range values {
		q[i] = lit(v)
	}
	return strings.Join(q, ", ")
}

// nul drops the one byte that ends a text early in logs and dumps.
func nul(s string) string { return strings.ReplaceAll(s, "\x00", "") }

// account is a user with its host, for CREATE USER and GRANT.
func account(user, host string) string { return lit(user) + "@" + lit(host) }

var errParameter = errors.New("the statement has a parameter without a value")

// fill puts bound values in the places of $1, $2, … of a statement: a value of
// digits alone as a number, for positions and counters stand where no quoted
// text may; any other value as a quoted text. Quoted parts and comments of the
// statement are left alone.
func fill(text string, args []string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); {
		n := skip(text, i)
		if n > i {
			b.WriteString(text[i:n])
			i = n
			continue
		}
		if text[i] != '$' || i+1 == len(text) || text[i+1] < '1' || text[i+1] > '9' {
			b.WriteByte(text[i])
			i++
			continue
		}
		end := i + 1
		for end < len(text) && text[end] >= '0' && text[end] <= '9' {
			end++
		}
		k, err := strconv.Atoi(text[i+1 : end])
		if err != nil || k > len(args) {
			return "", errParameter
		}
		b.WriteString(value(args[k-1]))
		i = end
	}
	return b.String(), nil
}

// value is a bound value as it stands in a statement. Zeros in front would get
// lost in a number.
func value(s string) string {
	if s != "" && len(s) <= 20 && strings.Trim(s, "0123456789") == "" && (s == "0" || s[0] != '0') {
		return s
	}
	return lit(s)
}

// skip returns where the quoted part or comment that begins at i ends; i if none
// does.
func skip(text string, i int) int {
	after := func(from int, end string) int {
		if n := strings.Index(text[from:], end); n >= 0 {
			return from + n + len(end)
		}
		return len(text)
	}
	switch c := text[i]; {
	case c == '\'' || c == '"' || c == '`':
		return after(i+1, string(c)) // a doubled quote begins the next part at once
	case strings.HasPrefix(text[i:], "/*"):
		return after(i+2, "*/")
	case strings.HasPrefix(text[i:], "-- "):
		return after(i, "\n")
	}
	return i
}

// replace puts values in the places of names, each given as name, value.
func replace(s string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(s) }
