//go:build !race

package audit_test

const mutations = 100_000
