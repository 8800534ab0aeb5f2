// Package entries holds the closed list of entry types of the record: one struct
// per type, the table that says how each is treated, and the rules of the
// procedure that verify holds a record against.
//
// Its place in the house: a leaf beside audit. The steps of a session wrap these
// structs one to one; reports and replay read them.
//
// It may import audit and the standard library. It must never import another
// package of this module, do I/O, or change a struct without a new version of
// the line format: a reader refuses keys it does not know.
//
// The fields of every struct stand in the byte order of their JSON keys. Values
// that may be absent have omitempty; a pointer where the zero value means
// something. Lists are List, so that an empty one is written as [].
package entries
