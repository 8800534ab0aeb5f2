// Package skiptest skips a test for want of something that the machine lacks, and
// notes it, so that make test names at its end what was not tested.
//
// Its place in the house: beside the tests, of any row. It imports nothing of this
// module.
package skiptest

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// variable names a file that takes a line for each test that was skipped: go test
// hides them, and make test names them at its end. Each run gives another name, so
// that no result with skips in it is taken from go's cache.
const variable = "TURQUOISE_LAB_SKIPS"

// Skip ends the test as skipped. what is missing, next is what would help.
func Skip(t testing.TB, what, next string) {
	t.Helper()
	if err := note(os.Getenv(variable), what, next); err != nil {
		t.Fatalf("note a skipped test: %v", err)
	}
	t.Skipf("SKIPPED FOR WANT OF %s; %s", what, next)
}

func note(path, what, next string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s; %s\n", what, next)
	return errors.Join(err, f.Close())
}
