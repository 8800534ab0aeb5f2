// Package checks decides whether a gate is open: it keeps the newest samples of
// every gauge and compares them with what a runbook wants.
//
// Place: above the engines, below the steps. It may import runbooks and engines.
//
// It never reads a clock, a file or a server, and it never takes the absence of
// a sample for good news: what it does not know keeps the gate closed.
package checks
