// Package preflight is the frame of an engine's preflight: what a check is, whom
// it is asked of, and what an answer, a missing right or an error makes of it. The
// questions themselves are the engine's.
//
// Its place in the house: below the engines, beside engines/local. It imports
// engines alone and asks nobody anything.
package preflight
