// Package sequences decides what two servers' sequences say: which of them would
// hand out a number twice after a move, which are near their end, and which are
// not the same sequence at all.
//
// Place: above engines, beside tablediff, whose report it fills; below steps. It
// is pure and never asks a server.
//
// It compares next values, never last ones: a sequence that was never called
// hands out its start itself.
package sequences
