// Package session is the imperative shell: the one writer of a cutover.
//
// It owns the State, feeds it samples, writes every event to the record before
// the event counts, and performs the actions of a confirmed plan, one at a time.
// It outlives every screen that looks at it.
//
// Place: above steps, below tui, lab and cli. It may import everything lower
// except engines/<name>, which cli hands in.
//
// It never decides (steps does), never draws, and never sends a byte to a server
// without the token that audit.Log.Intent gave for exactly this plan.
package session
