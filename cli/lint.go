package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

func lintCmd(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "lint FILE|NAME...",
		Short: "find what is wrong with a runbook",
		Long: `Read runbooks, from files or by the name of one that ships, and print every
finding with line, column and next move. Parameters have their defaults. No
server is asked. The status is 1 if
any finding is more than a warning.`,
		Example: `  turquoise lint cutover.yaml
  turquoise lint postgres-logical`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(runbooks.Catalogue(), cobra.ShellCompDirectiveDefault),
		RunE:              func(_ *cobra.Command, args []string) error { return app.lint(args) },
	}
}

func (a *App) lint(names []string) error {
	refused := false
	for _, name := range names {
		src, err := readBook(name)
		if err != nil {
			return err
		}
		found := lintBook(name, src)
		refused = refused || runbooks.Refused(found)
		for _, f := range found {
			if f.Excerpt != "" {
				_, err = fmt.Fprintf(a.Out, "%s\n%s\n", clean(f.String()), clean(f.Excerpt))
			} else {
				_, err = fmt.Fprintln(a.Out, clean(f.String()))
			}
			if err != nil {
				return err
			}
		}
	}
	if refused {
		return exit(ExitFailed, nil)
	}
	return nil
}

// lintBook reads a runbook and holds it against the engines and kinds of this
// program. Engines that a parameter chooses are those of its default: what a
// person will give is not known here.
func lintBook(name string, src []byte) []runbooks.Finding {
	book, found := runbooks.Parse(name, src)
	if book == nil || runbooks.Refused(found) {
		return found
	}
	anyValue := func(string) (string, bool) { return "", true }
	defaults, _ := runbooks.Resolve(book, nil, anyValue) // what has no default is asked for by run
	return append(found, runbooks.Lint(book.With(defaults), catalog())...)
}

// readBook gives the source of a runbook that ships or of a file. A file wins
// only if the name is no name of the catalogue, so that a stray file in the
// folder never replaces a known runbook; ./NAME names the file.
func readBook(name string) ([]byte, error) {
	if src, ok := runbooks.Builtin(name); ok {
		return src, nil
	}
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, exit(ExitUsage, &engines.Error{Op: "read runbook", Object: name, Err: err,
			Next: "name a readable file, or a runbook that ships (turquoise lint <TAB>)"})
	}
	return src, nil
}
