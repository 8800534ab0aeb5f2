//go:build race

package audit_test

// mutations under the race detector, which makes each some ten times slower and
// finds nothing in a walk that one goroutine makes alone.
const mutations = 2_000

// What long records are made of under the race detector.
const (
	sparse      = 64 << 20
	longBetween = 100
)

// everyPrefix is how far apart the prefixes are that are tried.
const everyPrefix = 7
