package colours

import "time"

const (
	// leastBatch: below a hundred rows the round trip costs more than the rows.
	leastBatch = 100
	// calmBatches in a row let a batch grow again.
	calmBatches = 10
)

// Pace is the load law of a job that works in batches: it sleeps in proportion
// to its own work, halves a batch that was slow, and doubles it after ten that
// were not, up to what the operator allows.
type Pace struct {
	most  int
	batch int
	calm  int
	slow  time.Duration
	ratio float64
}

// NewPace begins with the largest batch. ratio is the pause after a batch as a
// part of the time it took; slow is how long a batch may take.
func NewPace(most int, ratio float64, slow time.Duration) *Pace {
	return &Pace{most: max(most, 1), batch: max(most, 1), slow: slow, ratio: max(ratio, 0)}
}

// Batch is how many rows the next batch takes.
func (p *Pace) Batch() int { return p.batch }

// Allow sets the largest batch while the job runs.
func (p *Pace) Allow(most int) {
	if most <= 0 || most == p.most {
		return
	}
	p.most, p.calm = most, 0
	p.batch = min(p.batch, most)
	if p.batch < most && most <= leastBatch {
		p.batch = most
	}
}

// After judges a batch by the time it took and says how long to sleep.
func (p *Pace) After(took time.Duration) time.Duration {
	if took > p.slow {
		p.calm = 0
		p.batch = max(p.batch/2, min(leastBatch, p.most))
	} else if p.calm++; p.calm >= calmBatches {
		p.calm = 0
		p.batch = min(p.batch*2, p.most)
	}
	return time.Duration(float64(took) * p.ratio)
}
