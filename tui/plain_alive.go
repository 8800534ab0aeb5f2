package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/session"
)

// A full screen shows by its clock that it lives. Lines do not move: they say so
// after a minute without any, and sooner while somebody waits for an answer.
const (
	aliveAfter     = time.Minute
	aliveWhileRuns = 10 * time.Second
)

// quiet is how long nothing was heard from the session.
func (p *plain) quiet() time.Duration { return p.now().Sub(p.newsAt) }

// stale says why nothing may act: a person who hears nothing takes the last line
// for the state of now.
func (p *plain) stale() bool { return p.quiet() >= noNewsAfter }

// onBeat is the second hand: it says that news are missing, once and then every
// time that an alive line would have been due, and else that all is well.
func (p *plain) onBeat() {
	c := p.snap.Cards[p.snap.Current]
	every := aliveAfter
	if running(c) || p.snap.Freeze.State == "frozen" {
		every = aliveWhileRuns
	}
	due := p.now().Sub(p.saidAt) >= every
	switch {
	case p.stale() && (!p.silent || due):
		p.silent = true
		p.say("ALARM", "CAUTION: no news from the session %d s, what was said is old. nothing that acts is taken.", int(p.quiet()/time.Second))
	case p.stale() || !due || p.snap.Seq == 0:
	default:
		p.say("ALIVE", "%s", aliveLine(p.snap, c))
	}
}

// aliveLine is the state in one sentence.
func aliveLine(s session.Snapshot, c session.Card) string {
	parts := []string{fmt.Sprintf("step %s %s", s.Current, c.Phase)}
	if running(c) {
		parts[0] += fmt.Sprintf(" for %s of %s planned", clock(c.Elapsed), clock(c.Planned))
	}
	if g, _, ok := mainLag(s); drains(s) {
		at, is := drainSegs(s)
		parts = append(parts, at[0]+" "+is[0].plain())
	} else if ok && !g.Never {
		lag := "lag " + value(g)
		if g.Stale {
			lag = "lag unknown for " + age(g.Age)
		}
		parts = append(parts, lag)
	}
	parts = append(parts, "writes: "+writesOn(s), strings.TrimSpace(line(freezeSegs(s.Freeze, true)).plain()))
	return strings.Join(parts, ". ") + "."
}

// spelledFor writes text out in ASCII; in text that is run every sign counts.
func (p *plain) spelledFor(label, s string) string {
	if !p.th.ASCII {
		return s
	}
	return spell(s, label == "LINE")
}
