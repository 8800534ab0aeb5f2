// Package cli is the command line: one file for each verb, flags, signals, exit
// codes, and the one place that prints an error.
//
// Place: on top of everything but main. It may import every package, and it is
// the only one that knows the engines by name.
//
// It never holds a rule of safety: what must hold is enforced by session and
// steps, whichever way a command comes in. A verb turns flags into a config,
// makes one call, and turns the result into an exit code.
package cli
