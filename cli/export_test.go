package cli

// What the external tests of this package need.
const ChildEnv = childEnv

// GuardedEnv and GuardedMain are a cockpit with a dead-man.
const GuardedEnv = guardedEnv

var GuardedMain = guardedMain

// ChildMain is the cutover of a child process of the crash tests.
var ChildMain = childMain
