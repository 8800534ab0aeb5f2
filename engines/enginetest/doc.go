// Package enginetest holds what every engine's tests need: a wire that loses
// requests and answers of real servers.
//
// Place: beside the engines, for tests only. It may import engines and testing,
// and must never be reachable from main.
package enginetest
