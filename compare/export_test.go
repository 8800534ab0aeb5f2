package compare

// SetMostDue makes a look take fewer keys of a table, until the returned function is
// called.
func SetMostDue(n int) func() {
	was := mostDue
	mostDue = n
	return func() { mostDue = was }
}

// Together is together, for tests.
var Together = together

// Batch is how many keys one statement takes.
const Batch = batch
