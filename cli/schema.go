package cli

import (
	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/runbooks"
)

func schemaCmd(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON schema of the runbook language, for editors",
		Long: `Print the JSON schema of the runbook language. An editor that knows it completes
keys and underlines mistakes while a runbook is being written.`,
		Example: `  turquoise schema > runbook.schema.json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := app.Out.Write(runbooks.Schema())
			return err
		},
	}
}
