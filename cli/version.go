package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// Tool names this build, as records and reports carry it.
func Tool() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return "turquoise " + version
}

func versionCmd(app *App) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version of this build",
		Example: "  turquoise version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(app.Out, "%s %s %s/%s\n", Tool(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
