// Package anchors takes heads of the record to somebody outside of the
// operators' reach, and reads what they said.
//
// Whoever holds the operator's key can write the whole night anew, and no chain
// and no seal shows it. What shows it is a head that lies elsewhere: in the
// change ticket, with a witness who co-signs, with a timestamp authority, in a
// bucket whose objects nobody can delete, in the logs of the database servers.
// What is taken outside is always the checkpoint of a seal, the same three lines
// everywhere, so that equality can be seen by eye.
//
// Anchors run beside the session, each in its own goroutine with a time limit:
// one that hangs costs a receipt, never a step. The zero of everything here is
// "not anchored".
//
// Its place in the house: above the record, below the session. It may import
// audit and its entries; it knows no step, no database and no screen, and it
// writes nothing but files in anchors/ beside the record.
package anchors
