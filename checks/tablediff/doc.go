// Package tablediff decides what two servers' sums and row hashes say about
// their tables: which parts agree, which rows are missing, extra or different,
// which changed keys are not verified yet, and what may be concluded.
//
// Place: above engines, whose value types it takes; below steps. It is pure: the
// time reaches it as a value, and it never asks a server. Package compare does
// the asking.
//
// It never takes "could not look" for "equal", and holds no row values.
package tablediff
