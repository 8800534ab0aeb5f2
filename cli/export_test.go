package cli

// What the external tests of this package need.
const ChildEnv = childEnv

// ChildMain is the cutover of a child process of the crash tests.
var ChildMain = childMain
