//go:build !race

package audit_test

const mutations = 100_000

// What long records are made of: a gigabyte of one line, and many lines.
const (
	sparse      = 1 << 30
	longBetween = 3000
)

// everyPrefix is how far apart the prefixes are that are tried.
const everyPrefix = 1
