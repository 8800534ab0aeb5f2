package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/tui"
)

// screen is what the flags say about the terminal.
type screen struct {
	plain, ascii bool
	theme        string
	film         bool
	gone         bool // the servers go with the screen: there is nothing to come back to
}

func (sc *screen) flags(f *pflag.FlagSet) {
	f.BoolVar(&sc.plain, "plain", false, "lines instead of a full screen, for screen readers and slow links")
	f.BoolVar(&sc.ascii, "ascii", false, "draw with ASCII only")
	f.StringVar(&sc.theme, "theme", "", "dark, light, 16 or none (default: by NO_COLOR and the terminal)")
}

// filmFlag is for the screens that a record is written under.
func (sc *screen) filmFlag(f *pflag.FlagSet) {
	f.BoolVar(&sc.film, "film", false, "keep what this screen shows in screen.cast beside the record: an illustration, and it may show data")
}

// flags of run and demo that say how the cutover is walked.
func (c *cutover) flags(f *pflag.FlagSet) {
	f.StringVar(&c.window, "window", "block", "block: the window is confirmed once; stepwise: each of its steps")
	f.StringVar(&c.dir, "dir", "", "folder that holds the records (default: turquoise in XDG_STATE_HOME)")
	f.StringVar(&c.operator, "operator", "", "name of the person at the keyboard (default: the login)")
}

// lockFlag lets a person end another cockpit that holds a server.
func (c *cutover) lockFlag(f *pflag.FlagSet) {
	f.StringVar(&c.lock, "break-lock", "", "reason for ending the session of another cockpit that holds the lock of a server, after its machine was lost; goes into the record")
}

// check refuses before anything is opened what could not be shown later.
func (sc screen) check(a *App) error {
	if _, _, err := sc.look(); err != nil {
		return err
	}
	if sc.plain {
		return nil
	}
	switch {
	case !isTerminal(a.In):
		return usage("run it in a terminal, or add --plain for lines", "standard input is no terminal: the cockpit cannot be drawn")
	case !isTerminal(a.Out):
		return usage("run it in a terminal, or add --plain for lines", "standard output is no terminal: the cockpit cannot be drawn")
	}
	return nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// noUnicode says that only ASCII is drawn: by --ascii, or by a locale that is set
// and not UTF-8. A locale that nobody set says nothing about the terminal.
func (sc screen) noUnicode(get env) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, _ := get(name); v != "" {
			v = strings.ToUpper(v)
			return sc.ascii || !strings.Contains(v, "UTF-8") && !strings.Contains(v, "UTF8")
		}
	}
	return sc.ascii
}

// look gives the theme, and whether a person chose it. No theme: the terminal is asked.
func (sc screen) look() (*tui.Theme, bool, error) {
	switch sc.theme {
	case "":
		if os.Getenv("NO_COLOR") != "" {
			return tui.NewTheme(tui.NoColour, false, sc.ascii), true, nil
		}
		return nil, false, nil
	case "dark", "light":
		return tui.NewTheme(tui.TrueColour, sc.theme == "light", sc.ascii), true, nil
	case "16":
		return tui.NewTheme(tui.Colours16, false, sc.ascii), true, nil
	case "none":
		return tui.NewTheme(tui.NoColour, false, sc.ascii), true, nil
	}
	return nil, false, usage("give dark, light, 16 or none", "--theme %s: there is no such theme", sc.theme)
}

// cockpit shows the session until the person leaves or the terminal is lost. The
// session is closed when it returns: ended for good, or suspended in the record.
func (a *App) cockpit(ctx context.Context, s *session.Session, operator string, sc screen) error {
	// Hangups and broken pipes are caught until the record is closed: a lost
	// terminal must not take a running step with it.
	sigs := make(chan os.Signal, 4)
	signal.Notify(sigs, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)
	defer signal.Stop(sigs)
	view, leave := context.WithCancel(ctx)
	defer leave()
	why := make(chan string, 1)
	go func() {
		defer close(why)
		for {
			select {
			case sig := <-sigs:
				switch sig {
				case syscall.SIGPIPE:
					continue // the write that met it has its own error
				case syscall.SIGHUP:
					why <- "terminal lost"
				default:
					why <- "asked to stop"
				}
				leave()
				return
			case <-view.Done():
				return
			}
		}
	}()
	tty := isTerminal(a.In)
	me := session.Person{Name: operator, Role: "operator"}
	a.serve(s)
	out, done := a.filmed(s, sc)
	result, err := a.show(view, s.Handle(me), me, sc, out)
	leave()
	done()
	reason, signalled := <-why
	if !signalled && tty && !isTerminal(a.In) { // its end of input came before its hangup
		reason, signalled = "terminal lost", true
	}
	switch {
	case signalled && sc.gone:
		err = nil // a demo has nothing to come back to
	case signalled:
		err = exit(ExitSuspended, nil) // the screen was taken down on purpose
	case err != nil:
		reason = "screen failed"
	default:
		reason = "left"
	}
	if derr := a.depart(s, me, sc, result, reason); derr != nil {
		return errors.Join(derr, err)
	}
	if !sc.gone { // one line for the change ticket: the cheapest anchor
		a.tell("%s", s.Head().Ticket())
	}
	return err
}

// filmed gives where the screen is drawn: the terminal, or a film of it where one
// was asked for. A film that cannot be begun is said and not waited for.
func (a *App) filmed(s *session.Session, sc screen) (out io.Writer, done func()) {
	tty, ok := a.Out.(*os.File)
	if !sc.film || sc.plain || !ok {
		return a.Out, func() {}
	}
	f, err := newFilm(tty, filepath.Join(s.Dir(), audit.CastFile), "turquoise "+filepath.Base(s.Dir()), time.Now, func() string {
		st := s.State()
		it, ok := st.Current()
		if !ok {
			return ""
		}
		return fmt.Sprintf("seq %d: step %s %s", st.Newest, it.Step.ID, it.Step.Title)
	})
	if err != nil {
		a.tell("the screen is not filmed: %v", err)
		return a.Out, func() {}
	}
	s.Filmed(f.End)
	return f, func() {
		f.End()
		if err := f.Failed(); err != nil {
			a.tell("the film of the screen is not whole, and the record does not name it: %v", err)
		}
	}
}

// show runs the screen and returns when it is gone.
func (a *App) show(ctx context.Context, h tui.Session, me session.Person, sc screen, out io.Writer) (tui.Result, error) {
	if sc.plain {
		beat := time.NewTicker(time.Second)
		defer beat.Stop()
		return tui.Plain(ctx, tui.Config{Session: h, Me: me, Now: time.Now, ASCII: sc.noUnicode(os.LookupEnv), Beat: beat.C, Flush: flusher(a.In)}, a.In, a.Out)
	}
	theme, pinned, err := sc.look()
	if err != nil {
		return tui.Left, err
	}
	m := tui.New(tui.Config{Session: h, Me: me, Theme: theme, Now: time.Now, ASCII: sc.noUnicode(os.LookupEnv), Pinned: pinned})
	defer m.Close()
	p := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(a.In), tea.WithOutput(out), tea.WithoutSignalHandler())
	last, err := p.Run()
	result := tui.Left
	if end, ok := last.(tui.Model); ok {
		result = end.Result()
	}
	if err != nil {
		return result, fmt.Errorf("run the screen: %w", err)
	}
	return result, nil
}

// depart waits for a running step, suspends what was not ended, and says where
// the cutover stands and how to come back.
func (a *App) depart(s *session.Session, me session.Person, sc screen, result tui.Result, reason string) error {
	if it, ok := s.State().Current(); ok && s.State().Busy() {
		a.tell("step %s is running: it ends by itself and is recorded; no other starts. Look on meanwhile: turquoise attach %s", it.Step.ID, s.Dir())
	}
	if s.Abandons() {
		a.tell("clients are held and the window is not opened: its dead-man takes it back now")
	}
	if sc.gone && result != tui.Ended {
		// A refusal (clients are held, an outcome is unclear) leaves the record open, as it should be.
		_ = s.Handle(me).Do(context.Background(), endIntent("the demo was left"))
	}
	var err error
	if s.State().Result != "" {
		err = s.Close()
	} else {
		err = s.Suspend(reason)
	}
	snap := s.Snapshot()
	lines := tui.Farewell(snap)
	switch {
	case snap.Finished:
	case sc.gone:
		lines = lines[:len(lines)-1]
	default:
		lines[len(lines)-1] = "come back: turquoise resume " + s.Dir()
	}
	a.tell("%s", strings.Join(lines, "\n"))
	if name := s.EmergencyFile(); name != "" {
		a.tell("the record could not be written; what was done since then stands in %s: keep it, resume takes it in", name)
	}
	return err
}

// tell says something to the person at the keyboard. A terminal that is gone
// must not keep the session from being suspended.
func (a *App) tell(format string, args ...any) {
	_, _ = fmt.Fprintln(a.Err, clean(fmt.Sprintf(format, args...)))
}
