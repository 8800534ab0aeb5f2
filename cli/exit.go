package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/reconcile"
)

// The exit statuses. Those of verify are the verdicts of audit.Report.
const (
	ExitOK      = 0
	ExitFailed  = 1
	ExitRefused = 2
	// ExitSuspended is a cockpit that was told to go: by a signal, or by the loss
	// of its terminal. Leaving it by a key is ExitOK.
	ExitSuspended = 3
	ExitUsage     = 64
)

// exitCode is one row of the table that the help and the operating guide show.
type exitCode struct {
	code          int
	verbs, result string
	meaning       string
}

func exitCodes() []exitCode {
	return []exitCode{
		{ExitOK, "all", "ok", "done, and nothing to report"},
		{ExitFailed, "others", "failed", "it went wrong, or something was found: read the message"},
		{ExitRefused, "others", "not run", "not allowed now, or the runbook cannot be used: nothing was changed"},
		{ExitSuspended, "run, resume", "suspended", "asked to stop, or the terminal was lost: the running step ended and is on record, `turquoise resume` goes on"},
		{0, "verify", "VERIFIED", "no finding"},
		{1, "verify", "TAMPERED", "bytes, seals, signatures or anchors contradict each other"},
		{2, "verify", "INCOMPLETE", "open, torn, in doubt, withheld or owed"},
		{3, "verify", "RULE BROKEN", "authentic, but rules of the procedure were broken"},
		{4, "verify", "UNVERIFIED", "a key, anchor or file that the verdict needs is missing"},
		{0, "diff", "EQUAL", "every row was compared and is the same on both sides"},
		{1, "diff", "DIFFERENT", "rows, tables, schema or sequences are not the same"},
		{2, "diff", "UNCLEAR", "it could not be told: a side did not answer, or something was not compared"},
		{reconcile.ExitMatched, "reconcile", "MATCHED", "all that was recorded was seen, and nothing else was done"},
		{reconcile.ExitContradiction, "reconcile", "CONTRADICTION", "log and record cannot both be true"},
		{reconcile.ExitPartly, "reconcile", "PARTLY", "the logs do not cover the night, or a kind of statement is not logged"},
		{reconcile.ExitOffRecord, "reconcile", "OFF RECORD", "the same logins, or somebody on the router, did what the record does not have"},
		{ExitUsage, "all", "usage", "the command line makes no sense: nothing was done"},
	}
}

// exitCodesTopic has no action of its own, which makes it a help topic.
func exitCodesTopic(*App) *cobra.Command {
	var s strings.Builder
	s.WriteString("What each exit status means:\n\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&s, "  %2d  %-11s %-13s %s\n", c.code, c.verbs, c.result, c.meaning)
	}
	s.WriteString("\nIf several verdicts of verify apply, the worst wins, in the order 1, 3, 2, 4.")
	return &cobra.Command{Use: "exit-codes", Short: "what each exit status means", Long: s.String()}
}
