package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/turquoise-db/turquoise/engines"
)

func manCmd(app *App) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIR",
		Short:   "write the man pages into a folder",
		Example: "  turquoise man /usr/local/share/man/man1",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return &engines.Error{Op: "make folder", Object: dir, Err: err, Next: "name a folder you may write to"}
			}
			// A fixed date keeps two builds of one version alike.
			epoch := time.Unix(0, 0).UTC()
			head := &doc.GenManHeader{Section: "1", Source: "Turquoise", Manual: "Turquoise", Date: &epoch}
			cmd.Root().DisableAutoGenTag = true
			if err := doc.GenManTree(cmd.Root(), head, dir); err != nil {
				return &engines.Error{Op: "write man pages", Object: dir, Err: err, Next: "name a folder you may write to"}
			}
			_, err := fmt.Fprintf(app.Out, "man pages written to %s\n", dir)
			return err
		},
	}
}
