// Package steps is the functional core: what may happen next, and what it means.
//
// Decide turns a State and a Command into Events or a reason why not. Apply
// turns a State and an Event into the next State. Make turns a step and what is
// known into a Plan. All three give the same answer a year later, on another
// machine, from the record alone.
//
// Place: above checks and engines (types), below session. It may import
// runbooks, engines, audit, audit/entries and checks.
//
// It never reads a clock, a file, a socket or a random number, and it never
// imports engines/<name>: a dialect reaches it as a Planner, in Inputs.
package steps
