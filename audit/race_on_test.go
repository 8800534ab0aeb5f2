//go:build race

package audit_test

// mutations under the race detector, which makes each some ten times slower and
// finds nothing in a walk that one goroutine makes alone.
const mutations = 3_000
