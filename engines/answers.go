package engines

import "time"

// AnswersWindow is how far back failed answers are counted: long enough for some
// answers, short enough to be about now.
const AnswersWindow = 30 * time.Second

// Answers are what somebody answered so far, as of At.
type Answers struct {
	At          time.Time
	All, Failed float64
}

// Percent of the answers that failed.
func (a Answers) Percent() float64 { return 100 * a.Failed / a.All }

// LateAnswers remembers counters of the last half minute, by who counts them. The
// zero value is ready; one goroutine uses it.
type LateAnswers struct{ seen map[string][]Answers }

// Since adds a count and gives the answers of the window, none at the first look.
// A counter that fell was set back by a restart: what was before says nothing.
func (l *LateAnswers) Since(who string, now Answers) Answers {
	if l.seen == nil {
		l.seen = map[string][]Answers{}
	}
	was := l.seen[who]
	if n := len(was); n > 0 && (now.All < was[n-1].All || now.Failed < was[n-1].Failed) {
		was = nil
	}
	for len(was) > 1 && now.At.Sub(was[1].At) >= AnswersWindow {
		was = was[1:]
	}
	l.seen[who] = append(was, now)
	first := l.seen[who][0]
	return Answers{At: first.At, All: now.All - first.All, Failed: now.Failed - first.Failed}
}
