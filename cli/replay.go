package cli

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/tui"
)

func replayCmd(app *App) *cobra.Command {
	var sc screen
	c := &cobra.Command{
		Use:   "replay DIR",
		Short: "see the cockpit as it was, from the record alone",
		Long: `Read the record in DIR and show the cockpit as the operator saw it, from the
first line to the last. No server is asked, nothing can run, and the record is
not changed. What is not in a record, such as who was connected at the time, is
shown as not known.

space plays and pauses, the arrows go line by line, [ and ] step by step, + and -
change the speed, 0 and $ go to the ends. Silences of more than a few seconds are
stepped over.`,
		Example: `  turquoise replay ~/cutovers/20261121-orders-7f3a
  turquoise replay --theme light ./record`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return app.replay(cmd.Context(), args[0], sc) },
	}
	c.Flags().BoolVar(&sc.ascii, "ascii", false, "draw with ASCII only")
	c.Flags().StringVar(&sc.theme, "theme", "", "dark, light, 16 or none (default: by NO_COLOR and the terminal)")
	return c
}

func (a *App) replay(ctx context.Context, dir string, sc screen) error {
	if err := sc.check(a); err != nil {
		return err
	}
	past, err := session.OpenPast(dir)
	if err != nil {
		return err
	}
	theme, pinned, err := sc.look()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	player := session.NewPlayer(past)
	go player.Run(ctx)
	m := tui.NewReplay(tui.Config{Theme: theme, Now: time.Now, ASCII: sc.ascii, Pinned: pinned}, player)
	defer m.Close()
	if _, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(a.In), tea.WithOutput(a.Out)).Run(); err != nil {
		return fmt.Errorf("run the screen: %w", err)
	}
	return nil
}
