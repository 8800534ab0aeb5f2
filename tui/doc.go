// Package tui shows a session and turns keys into intents.
//
// Place: above session, beside lab. It may import session and what lies below
// it, and the charm.land packages.
//
// It owns nothing and decides nothing: no driver, no file, no clock but for dead
// keys and missing news, no rule of safety that the session would not enforce
// without it.
//
// A frame is a list of lines, a line is a list of segments with a token each.
// Tokens become colours only at the very end (theme.go), so a pane can be drawn
// faint below a box, without colour, or in ASCII, and keep its width.
package tui
