package mysql

import (
	"regexp"
	"strings"
)

// Versions of one product print the same thing in different words. What is
// compared is put into the words of the newest first.

// displayWidth is the width that older servers print behind whole numbers; it
// says nothing about what is stored. tinyint(1) keeps it, for drivers read it as
// a boolean, and so does everything with ZEROFILL, which fills up to it.
var displayWidth = regexp.MustCompile(`^(tinyint|smallint|mediumint|int|bigint)\(\d+\)`)

// canonicalType is a column's type: int(11) is int, year(4) is year.
func canonicalType(s string) string {
	low := strings.ToLower(s)
	switch {
	case strings.HasPrefix(low, "enum(") || strings.HasPrefix(low, "set("):
		return s // the values' letters count
	case strings.HasSuffix(low, "zerofill"), strings.HasPrefix(low, "tinyint(1)"):
		return low
	case low == "year(4)":
		return "year"
	}
	return displayWidth.ReplaceAllString(low, "$1")
}

// canonicalCharset: utf8 is the old name of utf8mb3, in collations too. Lists
// and pairs of names are read word by word.
func canonicalCharset(s string) string {
	words := strings.Fields(s)
	for i, w := range words {
		if w == "utf8" || strings.HasPrefix(w, "utf8_") {
			words[i] = "utf8mb3" + w[len("utf8"):]
		}
	}
	return strings.Join(words, " ")
}

// canonicalExtra drops what one version says and the other takes for granted.
func canonicalExtra(s string) string {
	s = strings.ToLower(strings.ReplaceAll(s, "DEFAULT_GENERATED", ""))
	s = strings.ReplaceAll(s, "persistent generated", "stored generated")
	return strings.Join(strings.Fields(canonicalNow(s)), " ")
}

// now are the spellings of the present moment. Digits of a second stay.
var now = regexp.MustCompile(`(?i)\b(current_timestamp|now|localtime|localtimestamp)(\((\d*)\))?`)

func canonicalNow(s string) string {
	return now.ReplaceAllStringFunc(s, func(m string) string {
		digits := now.FindStringSubmatch(m)[3]
		if digits == "" || digits == "0" {
			return "current_timestamp"
		}
		return "current_timestamp(" + digits + ")"
	})
}

// canonicalDefault is a column's default, and whether it has one. MariaDB prints
// an expression: 'x' with its quotes, and NULL as a word; MySQL prints the value.
func canonicalDefault(maria bool, d *string) (string, bool) {
	if d == nil || maria && *d == "NULL" {
		return "", false
	}
	v := *d
	if maria && len(v) >= 2 && v[0] == '\'' && v[len(v)-1] == '\'' {
		return "'" + v[1:len(v)-1] + "'", true
	}
	if n := canonicalNow(v); strings.HasPrefix(n, "current_timestamp") && len(n) <= len("current_timestamp(6)") {
		return n, true
	}
	if maria {
		return v, true
	}
	return "'" + strings.ReplaceAll(v, "'", "''") + "'", true
}

// canonicalCode is a definition without what white space and names of character
// sets differ in between versions.
func canonicalCode(s string) string { return strings.Join(strings.Fields(canonicalCharset(s)), " ") }
