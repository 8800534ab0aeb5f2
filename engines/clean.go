package engines

import (
	"strings"
	"unicode"
)

// Clean drops what could move a terminal's cursor or hide text. Servers and
// clients choose what they say.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) {
			return -1
		}
		return r
	}, s)
}
