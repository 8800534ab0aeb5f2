package postgres

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// waiveTable says which checks may be passed over, by the first part of their
// ids. What is not in it can only be mended: without it the cutover stops half
// way, reaches the wrong server, or loses rows that nobody would miss at once.
func waiveTable() (second, warns []string) {
	// Their damage is known and bounded, and a person may know better: a second one
	// has to agree.
	second = []string{"G06", "G10", "PG03", "PG05", "PG06", "PG09", "PG12", "PG14", "PG18", "PG21", "PG22", "PG23",
		"PG25", "PG27", "PG28", "PG31", "PG39", "PG40"}
	// They warn. Where one stops the walk all the same it may be passed over too.
	warns = []string{"G04", "PG10", "PG11", "PG15", "PG16", "PG19", "PG24", "PG29", "PG30", "PG33", "PG34", "PG37"}
	return second, warns
}

// waiveOf says who may pass over a finding. Two encodings cannot be agreed upon,
// though the other settings of PG24 can.
func waiveOf(id string, l engines.Level) engines.Waive {
	if l != engines.Block && l != engines.Blind {
		return engines.Never // there is nothing to pass over
	}
	base, _, _ := strings.Cut(id, "/")
	second, warns := waiveTable()
	if base == "PG24" && l == engines.Block || !slices.Contains(second, base) && !slices.Contains(warns, base) {
		return engines.Never
	}
	return engines.SecondPerson
}
