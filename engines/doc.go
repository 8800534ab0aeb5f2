// Package engines holds what every system under a cutover has in common: ids,
// actions, outcomes and the small interfaces an engine may implement.
//
// Place: a leaf. It imports the standard library only; every other package may
// import it.
//
// It never holds a driver, a dialect or a statement.
package engines
