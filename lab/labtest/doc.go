// Package labtest gives tests real servers from the lab, and cleans up.
//
// Place: beside lab, for _test.go files only; it is never part of the program.
// A server that is absent skips the test and says which package to install;
// with TURQUOISE_LAB_REQUIRE=1 the test fails instead. go test -short starts
// no server at all.
//
// It must never hide that a test did not run, and never share a database
// between two tests.
package labtest
