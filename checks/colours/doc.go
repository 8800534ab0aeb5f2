// Package colours computes where a release on a shared database stands.
//
// Three versions of an application use one database: blue knows the old shape of
// a table, turquoise the old one and both, green the new one. The state is
// computed from what is measured (who serves, which shape the table has, who is
// connected, how the rows agree) and never remembered: two readings of the same
// world give the same state, whoever took them.
//
// Place: a check, beside tablediff. It may import engines.
//
// It asks nobody, reads no clock, and takes nothing that is missing for zero.
package colours
