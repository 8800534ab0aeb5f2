package lab

import (
	"testing"
	"time"
)

func TestEachFateIsHeldAgainstTheRows(t *testing.T) {
	type count = struct{ ledger, orders int64 }
	cases := []struct {
		name string
		fate Fate
		held count
		want Report
	}{
		{"acked and there", Acked, count{1, 1}, Report{Acked: 1}},
		{"acked and gone", Acked, count{}, Report{Acked: 1, Lost: 1}},
		{"acked and half there", Acked, count{1, 0}, Report{Acked: 1, Lost: 1}},
		{"acked and twice", Acked, count{1, 2}, Report{Acked: 1, Duplicated: 1}},
		{"failed and gone", Failed, count{}, Report{Failed: 1}},
		{"failed and there", Failed, count{1, 1}, Report{Failed: 1, Unexpected: 1}},
		{"unknown and there", Unknown, count{1, 1}, Report{Unknown: 1}},
		{"unknown and gone", Unknown, count{}, Report{Unknown: 1}},
		{"unknown and half there", Unknown, count{0, 1}, Report{Unknown: 1, Lost: 1}},
		{"unknown and twice", Unknown, count{2, 2}, Report{Unknown: 1, Duplicated: 1}},
		{"found and there", Found, count{1, 1}, Report{Acked: 1}},
		{"found and gone again", Found, count{}, Report{Acked: 1, Lost: 1}},
		{"absent and gone", Absent, count{}, Report{Failed: 1}},
		{"absent and there later", Absent, count{1, 1}, Report{Failed: 1, Unexpected: 1}},
	}
	seen := map[Fate]bool{}
	for _, c := range cases {
		seen[c.fate] = true
		k := ledgerKey{1, 1}
		here := rows{}
		if c.held != (count{}) {
			here[k] = c.held
		}
		c.want.WorstClient = c.want.Failed // there is one client
		var got Report
		got.compare(here, map[ledgerKey]Fate{k: c.fate})
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	for f := range numFates {
		if !seen[f] {
			t.Errorf("no case for %v", f)
		}
	}
}

func TestTheMeterForgetsAfterASecondAndKeepsTheLongestGap(t *testing.T) {
	var m meter
	if r := m.read(time.Hour); r.Gap != 0 || r.LongestGap != 0 {
		t.Errorf("before the first commit there is no gap: %+v", r)
	}
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	for _, ms := range []int{1000, 1100, 1900, 2000} {
		m.count(Acked, at(ms-5), at(ms), nil)
	}
	if r := m.read(at(2050)); r.TPS != 3 || r.Gap != at(50) || r.LongestGap != at(800) || r.Worst != at(5) {
		t.Errorf("at 2.05 s: %+v; want 3 in the last second, gap 50 ms, longest 800 ms, worst 5 ms", r)
	}
	if r := m.read(at(4000)); r.TPS != 0 || r.LongestGap != at(2000) {
		t.Errorf("at 4 s: %+v; want none in the last second and a longest gap of 2 s", r)
	}
	m.end(at(3000))
	if r := m.read(at(9000)); r.LongestGap != at(1000) {
		t.Errorf("after the end: longest gap %v, want the 1 s until the end", r.LongestGap)
	}
}
