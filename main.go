// Command turquoise guides a database cutover from a runbook, one confirmed
// step at a time, and keeps a record that can be checked without it.
package main

import (
	"os"

	"github.com/turquoise-db/turquoise/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
