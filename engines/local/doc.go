// Package local is what engines do on the machine the cockpit runs on: replace
// a router's file, and run one program's output into another without a shell.
package local
