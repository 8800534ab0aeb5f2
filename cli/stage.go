package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/tui"
)

// stage is a lab that a cutover is walked on: its servers run and clients use
// them. The zero value of a field means that the stage has no need of it.
type stage struct {
	book   string                      // the runbook, if the lab's product decides which
	params []string                    // NAME=value, of the runbook
	env    map[string]string           // what references of the runbook lead to
	meter  func() *session.Outage      // what the clients see
	hands  func(title string) error    // does the work of a manual step
	served func(context.Context) error // waits until the clients have seen enough of a walk that went well
}

// get answers references from the lab first, then from the environment.
func (p stage) get(name string) (string, bool) {
	if v, ok := p.env[name]; ok {
		return v, true
	}
	return os.LookupEnv(name)
}

// set gives a cutover what the stage knows. What the caller asked for wins.
func (p stage) set(c *cutover) {
	if p.book != "" {
		c.book = p.book
	}
	c.params = append(append([]string(nil), p.params...), c.params...)
}

// perform opens the cockpit on a stage, with a key for a second person, until its
// person leaves. start ends with the first signal; the servers were started under
// it. It returns the session, which is closed then.
func (a *App) perform(ctx, start context.Context, c cutover, sc screen, p stage) (s *session.Session, err error) {
	p.set(&c)
	c.change = "DEMO"
	if c.operator == "" {
		c.operator = osUser()
	}
	people, err := lab.NewPeople(c.operator)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	if c.dir == "" {
		c.dir = filepath.Join(os.TempDir(), "turquoise-demos")
	}
	sc.gone = true
	s, err = a.open(ctx, c, p.get, func(cfg *session.Config) {
		cfg.LabOnly, cfg.Meter = true, p.meter
		cfg.People = session.People{Signers: people.Signers, Key: people.Operator, Open: openKeys, Hint: people.Key}
	})
	if err != nil {
		return nil, err
	}
	if _, err := people.Keep(s.Dir()); err != nil {
		return s, errors.Join(err, s.Close())
	}
	if start.Err() != nil { // asked to stop before there was a screen to take down
		return s, errors.Join(context.Cause(start), a.depart(s, session.Person{Name: c.operator, Role: "operator"}, sc, tui.Left, "asked to stop"))
	}
	if p.hands == nil {
		return s, a.cockpit(ctx, s, c.operator, sc)
	}
	hands := make(chan error, 1)
	hctx, stop := context.WithCancel(ctx)
	go func() { hands <- lendHands(hctx, s, p.hands) }()
	err = a.cockpit(ctx, s, c.operator, sc)
	stop()
	return s, errors.Join(err, <-hands)
}

// walked is a rehearsal that came to its end, or to a stop.
type walked struct {
	s       *session.Session
	steps   []lab.WalkedStep
	signers string // file of who may sign
}

// play walks a stage with scripted confirmations and has the result reckoned while
// the session is open. An error of the walk is returned behind that: the result
// counts all the same.
func (r rehearsal) play(ctx context.Context, a *App, p stage, reckon func(walked) error) (err error) {
	c := r.cutover
	p.set(&c)
	c.operator = "script"
	if r.verify != "" { // a runbook without the parameter is rehearsed as it stands
		c.params = append(c.params, "verify="+r.verify)
	}
	if c.dir == "" {
		c.dir = rehearsals()
	}
	people, err := lab.NewPeople(c.operator)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, people.Close()) }()
	s, err := a.open(ctx, c, p.get, func(cfg *session.Config) {
		cfg.People = session.People{Signers: people.Signers, Key: people.Operator}
		cfg.LabOnly, cfg.Scripted, cfg.Change = true, true, "rehearsal"
		cfg.Meter, cfg.Crash = p.meter, crashPoint(os.Getenv)
		if r.fail > 0 {
			cfg.Fail = func(action int) bool { return action == r.fail }
		}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	signers, err := people.Keep(s.Dir())
	if err != nil {
		return err
	}
	done, werr := lab.Walk(ctx, s, lab.WalkOptions{Second: people.Second, Until: runbooks.StepID(r.until), BackFrom: runbooks.StepID(r.back),
		Hand: p.hands, Say: a.tell})
	if werr == nil && p.served != nil {
		werr = p.served(ctx)
	}
	if err := reckon(walked{s, done, signers}); err != nil {
		return errors.Join(werr, err)
	}
	end := s.Handle(session.Person{Name: c.operator, Role: "operator"})
	return errors.Join(werr, end.Do(ctx, endIntent("the rehearsal ends here")))
}

// result prints what a rehearsal found: JSON for machines, a line for people.
func (a *App) result(asJSON bool, out any, line string) error {
	if !asJSON {
		_, err := fmt.Fprintln(a.Out, line)
		return err
	}
	enc := json.NewEncoder(a.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(out)
}
