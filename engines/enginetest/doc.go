// Package enginetest is the contract that every engine passes, and a wire that
// loses requests and answers of real servers.
//
// A new engine describes itself once, as a Subject: how to reach a real server,
// a statement that changes something and how to see it, one that is refused, one
// that lasts, and requests for its planner. Its test is then one call:
//
//	func TestContract(t *testing.T) {
//		enginetest.Exercise(t, enginetest.Subject{Engine: mysql.Engine(), …})
//	}
//
// Everything goes through engines.Engine: Planner, Open and OpenReader. What an
// engine cannot do it says in the Subject, and then the other half of the
// promise is held against it: an engine whose server ends no statement by itself
// must call a late one Unclear.
//
// The suite takes the servers as they are. It does not stop them: a server that
// died, hangs or refuses is made with the Wire, so that engines may share one.
//
// Place: beside the engines, for tests only. It may import engines and testing,
// and must never be reachable from main.
package enginetest
