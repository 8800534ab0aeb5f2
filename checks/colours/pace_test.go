package colours

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	p := NewPace(10000, 0.5, time.Second)
	if got := p.After(400 * time.Millisecond); got != 200*time.Millisecond || p.Batch() != 10000 {
		t.Errorf("a calm batch: pause %s, batch %d", got, p.Batch())
	}
	p.After(1100 * time.Millisecond)
	p.After(1100 * time.Millisecond)
	if p.Batch() != 2500 {
		t.Errorf("after two slow batches: %d", p.Batch())
	}
	for range calmBatches - 1 {
		p.After(time.Millisecond)
	}
	if p.Batch() != 2500 {
		t.Errorf("it grew after nine calm batches: %d", p.Batch())
	}
	p.After(time.Millisecond)
	if p.Batch() != 5000 {
		t.Errorf("after ten calm batches: %d", p.Batch())
	}
	for range 4 * calmBatches {
		p.After(time.Millisecond)
	}
	if p.Batch() != 10000 {
		t.Errorf("it grew past what is allowed: %d", p.Batch())
	}
	for range 20 {
		p.After(2 * time.Second)
	}
	if p.Batch() != leastBatch {
		t.Errorf("it shrank to %d", p.Batch())
	}
}

func TestTheOperatorSetsTheLargestBatch(t *testing.T) {
	p := NewPace(10000, 0.5, time.Second)
	p.Allow(0)
	if p.Batch() != 10000 {
		t.Errorf("no size is no order: %d", p.Batch())
	}
	p.Allow(50)
	if p.Batch() != 50 {
		t.Errorf("want 50, got %d", p.Batch())
	}
	p.After(2 * time.Second)
	if p.Batch() != 50 {
		t.Errorf("below what is allowed: %d", p.Batch())
	}
	p.Allow(10000)
	for range calmBatches {
		p.After(time.Millisecond)
	}
	if p.Batch() != 100 {
		t.Errorf("it grows step by step: %d", p.Batch())
	}
}
