package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"
)

// App is what every verb gets: the streams of the process. Verbs write what was
// asked for to Out and what a person should know besides to Err.
type App struct {
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	started bool // a verb has begun: an error is no longer one of usage
}

// verbs are the commands in the order of the help text. A new verb is its file
// and its line here.
func verbs() []func(*App) *cobra.Command {
	return []func(*App) *cobra.Command{
		lintCmd,
		schemaCmd,
		planCmd,
		diffCmd,
		rehearseCmd,
		demoCmd,
		runCmd,
		resumeCmd,
		attachCmd,
		verifyCmd,
		exportCmd,
		reconcileCmd,
		anchorCmd,
		witnessCmd,
		replayCmd,
		versionCmd,
		manCmd,
		deadmanCmd,
		exitCodesTopic,
	}
}

// Main runs one command line and returns the exit status.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := &App{In: stdin, Out: stdout, Err: stderr}
	root := app.root()
	root.SetArgs(args)
	return app.finish(root.Execute())
}

func (a *App) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "turquoise",
		Short: "guided database cutovers with a record that can be checked",
		Long: `Turquoise walks you through a runbook that moves production from one database
(blue) to another (green). It shows what it will send before it sends it, runs
a step only when you confirm it, says at any moment whether there is a way
back, and writes a record that an auditor can check without it.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// Without this an unknown verb would print the help and succeed.
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.CompletionOptions.HiddenDefaultCmd = false
	for _, verb := range verbs() {
		cmd := verb(a)
		a.mark(cmd)
		root.AddCommand(cmd)
	}
	return root
}

// mark notes when a verb begins: what cobra refuses before that (unknown flag,
// missing argument) is usage, whatever comes after is not.
func (a *App) mark(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			a.started = true
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		a.mark(sub)
	}
}

// finish prints the error, once for the whole program, and gives the status.
func (a *App) finish(err error) int {
	if err == nil {
		return ExitOK
	}
	code, fault := ExitFailed, err
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		code, fault = exit.code, exit.err
	case !a.started:
		code, fault = ExitUsage, nextMove(err, "turquoise help shows the verbs; turquoise VERB --help its flags")
	}
	if fault != nil {
		a.print(fault)
	}
	return code
}
