// Package audit is the record of a session: one append-only file of JSON lines,
// chained by hash, sealed by a key that is thrown away after each use.
//
// The record is the state of a session. What is not durable in it has not
// happened: a statement is sent only after its intent is written, sealed and
// on disk (Intent), and resume, replay, reports and verify read nothing else.
//
// Its place in the house: a leaf. It knows lines, hashes, seals, locks and the
// torn ends that crashes leave; it knows no runbook, no step and no database.
// The entry types with their meaning are in audit/entries and are handed in as
// a table (Types).
//
// It may import the standard library, golang.org/x/crypto and golang.org/x/sys.
// It must never import another package of this module, never repair or shorten a
// file, and never accept a line after its first write error.
//
// The format is meant to be checked without this program: a leaf is the RFC 6962
// leaf hash of the line without its line feed, a seal is a C2SP signed note.
package audit
