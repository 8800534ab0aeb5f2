package session

import (
	"context"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/steps"
)

// Player shows a Past as time goes on, faster or slower than it did. Screens
// subscribe to it as to a session; it accepts no command.
type Player struct {
	mu      sync.Mutex
	past    *Past
	at      int       // newest line shown
	clock   time.Time // moment that is shown
	speed   float64
	playing bool
	seq     uint64
	subs    map[chan Snapshot]struct{}
}

const (
	// playEvery is how often a running replay is drawn.
	playEvery = 100 * time.Millisecond
	// longestIdle is the longest that a viewer waits for the next line: a soak of
	// a day is stepped over.
	longestIdle = 3 * time.Second
	slowest     = 0.25
	fastest     = 64.0
)

// NewPlayer stands at the first line, paused.
func NewPlayer(p *Past) *Player {
	return &Player{past: p, clock: p.Time(0), speed: 1, subs: map[chan Snapshot]struct{}{}}
}

// Do refuses: what is over cannot be done again.
func (p *Player) Do(context.Context, Intent) error {
	return &steps.Refusal{Why: "this is a replay of a record: nothing can run", Next: "space plays and pauses, q leaves"}
}

// Subscribe gives the newest frame and those that follow; a slow screen misses some.
func (p *Player) Subscribe() (<-chan Snapshot, func()) {
	ch := make(chan Snapshot, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subs[ch] = struct{}{}
	ch <- p.frame()
	return ch, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, ok := p.subs[ch]; ok {
			delete(p.subs, ch)
			close(ch)
		}
	}
}

func (p *Player) frame() Snapshot {
	p.seq++
	s := p.past.Between(p.at, p.clock)
	s.Seq = p.seq
	return s
}

func (p *Player) publish() {
	if len(p.subs) == 0 {
		return
	}
	s := p.frame()
	for c := range p.subs {
		select {
		case <-c:
		default:
		}
		c <- s
	}
}

// Position is where a player stands.
type Position struct {
	Line, Lines int
	At          time.Time
	Speed       float64
	Playing     bool
}

// Position of the newest frame.
func (p *Player) Position() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Position{Line: p.at, Lines: p.past.Len(), At: p.clock, Speed: p.speed, Playing: p.playing}
}

// Pause stops a running replay and starts a stopped one.
func (p *Player) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.playing = !p.playing; p.playing && p.at == p.past.Len()-1 {
		p.jump(0)
	}
	p.publish()
}

// Faster doubles the speed, or halves it.
func (p *Player) Faster(more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if more {
		p.speed = min(p.speed*2, fastest)
	} else {
		p.speed = max(p.speed/2, slowest)
	}
	p.publish()
}

// Lines goes n lines on, or back.
func (p *Player) Lines(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jump(p.at + n)
	p.publish()
}

// Step goes to the begin of the next step, or of the one before.
func (p *Player) Step(dir int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jump(p.past.StepFrom(p.at, dir))
	p.publish()
}

// Ends goes to the first or the last line.
func (p *Player) Ends(last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.jump(0); last {
		p.jump(p.past.Len() - 1)
	}
	p.publish()
}

func (p *Player) jump(to int) {
	p.at = p.past.clamp(to)
	p.clock = p.past.Time(p.at)
}

// Run moves the player on until ctx ends.
func (p *Player) Run(ctx context.Context) {
	t := time.NewTicker(playEvery)
	defer t.Stop()
	beat := 0
	for {
		select {
		case <-t.C:
			p.mu.Lock()
			if p.playing {
				p.advance(time.Duration(float64(playEvery) * p.speed))
				p.publish()
			} else if beat++; beat%10 == 0 { // the screen takes silence for a lost session
				p.publish()
			}
			p.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// advance moves the clock by d, over a long silence at once.
func (p *Player) advance(d time.Duration) {
	last := p.past.Len() - 1
	if p.at == last {
		p.playing = false
		return
	}
	next := p.past.Time(p.at + 1)
	p.clock = p.clock.Add(d)
	if wait := next.Sub(p.clock); wait > time.Duration(float64(longestIdle)*p.speed) {
		p.clock = next.Add(-time.Duration(float64(longestIdle) * p.speed))
	}
	for p.at < last && !p.past.Time(p.at+1).After(p.clock) {
		p.at++
	}
	if p.at == last {
		p.clock = p.past.Time(last)
	}
}
