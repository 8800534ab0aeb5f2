// Package command moves traffic by commands of the operator's own: for load
// balancers, meshes and flags that Turquoise does not know. One command moves, and
// another, which reads only, proves it.
//
// A command is an argument list, started without a shell, in a folder of its own
// choice, with the named variables of our environment and no other. What is run
// stands verbatim in the plan, with the SHA-256 of the executable, which is
// compared again right before it is started. Its output is cut, cleaned, and freed
// of the values of those variables.
//
// The target's connection string is command:NAME, a name for people. Parameters;
// each command is a JSON list of strings, the first an absolute path:
//
//	status        reads only, within three seconds; prints one JSON object:
//	              {"nodes":[{"name":"lb-1","share":{"blue":100,"green":0},"held":false}]}
//	switch_blue, switch_green   moves traffic to that side
//	hold, release               makes clients wait, lets them go on; both or neither
//	health_blue, health_green   exit 0: that side may have traffic; both or neither
//	env           names of variables that the commands get, separated by commas
//	dir           working directory; / if not given
//
// Exit status 0 of a command that moves means that it was sent, and the proof
// decides. 10 means refused, nothing was changed. Anything else, a signal or a time
// limit, is unclear until status has said what is.
//
// Place: an engine, one row above engines. It imports nothing else of Turquoise.
package command
