// Package reconcile holds a record against the servers' own logs, both ways:
// what the record says was sent and no server saw, and what the servers saw and
// the record does not say.
//
// Its place in the house: above report, whose folded night it reads. The logs are
// files that an auditor fetched himself; nothing is asked of a server.
//
// It may import report, audit and audit/entries. It must never keep or print a
// parameter of a statement, and never drop what it cannot classify.
package reconcile
