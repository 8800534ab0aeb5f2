// Package report turns a record into what people and other programs read: the
// report for an auditor, tables, events for a log system, and the bundle that is
// handed over.
//
// Its place in the house: beside session, above the functional core. It folds
// the same lines that a session resumes from, so a report cannot tell another
// story than the cockpit did.
//
// It may import runbooks, audit, audit/entries and steps. It must never talk to
// a server, read a clock, reorder entries, or say more than the record shows:
// what is missing is printed as missing. Everything it prints may come from a
// forged file, so nothing is written unescaped.
package report
