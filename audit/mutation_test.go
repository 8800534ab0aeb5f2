package audit_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// verifyBytes checks a record of one segment that lies in memory.
func verifyBytes(data []byte) audit.Report {
	return entries.VerifyFS(fstest.MapFS{"0001.jsonl": {Data: data}}, audit.VerifyOptions{Origin: origin})
}

// mutate changes a copy of data in one of the ways in which files are changed by
// hand, by programs and by faulty disks.
func mutate(r *rand.Rand, data []byte) []byte {
	n := len(data)
	at := r.IntN(n)
	size := 1 + r.IntN(min(n-at, 1<<r.IntN(12)))
	piece := data[at : at+size]
	to := r.IntN(n)
	switch r.IntN(8) {
	case 0, 1, 2: // one byte
		out := slices.Clone(data)
		out[at] ^= byte(1 + r.IntN(255))
		return out
	case 3: // another byte
		return slices.Insert(slices.Clone(data), at, byte(r.IntN(256)))
	case 4: // cut out
		return slices.Delete(slices.Clone(data), at, at+size)
	case 5: // spliced in elsewhere
		return slices.Insert(slices.Clone(data), to, piece...)
	case 6: // written over
		out := slices.Clone(data)
		copy(out[to:], piece)
		return out
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	i, j := r.IntN(len(lines)), r.IntN(len(lines))
	lines[i], lines[j] = lines[j], lines[i]
	return slices.Concat(lines...)
}

// inParallel calls try for 0 to n-1 and stops at the first that is false.
func inParallel(t *testing.T, n int, try func(i int) bool) {
	t.Helper()
	var g sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		g.Go(func() {
			for i := w; i < n && !t.Failed(); i += workers {
				if !try(i) {
					return
				}
			}
		})
	}
	g.Wait()
}

// TestNoMutationIsAccepted changes real records in 100,000 ways. None may pass
// for a whole one, and none may make verify fall over. Three quarters of them
// are of a short night, for a check costs as much as the night is long.
func TestNoMutationIsAccepted(t *testing.T) {
	dir := t.TempDir()
	short := &night{t: t, l: create(t, dir, options(&clock{}))}
	short.put(audit.Meta{By: alice}, entries.HoldBegin{Reason: "a short night"})
	short.close()
	records := [][]byte{[]byte(read(t, segmentFile(closedNight(t), 1))), []byte(read(t, segmentFile(dir, 1)))}
	for _, whole := range records {
		if r := verifyBytes(whole); r.Exit != 0 || !r.Closed {
			t.Fatalf("the record itself: %v", r.Findings)
		}
	}
	inParallel(t, mutations, func(i int) bool {
		whole := records[min(i%4, 1)]
		data := mutate(rand.New(rand.NewPCG(1, uint64(i))), whole)
		if bytes.Equal(data, whole) {
			return true
		}
		if r := verifyBytes(data); r.Exit == 0 || r.Closed && r.Levels[0].Met {
			t.Errorf("mutation %d passes: %s\n%q", i, r.Verdict, data)
			return false
		}
		return true
	})
}

// TestEveryPrefixIsOpen is what a cut by hand or by a crash leaves. None of it
// may pass for a finished night.
func TestEveryPrefixIsOpen(t *testing.T) {
	whole := []byte(read(t, segmentFile(closedNight(t), 1)))
	inParallel(t, len(whole)/everyPrefix, func(i int) bool {
		n := i * everyPrefix
		if r := verifyBytes(whole[:n]); r.Exit == 0 || r.Closed {
			t.Errorf("prefix of %d of %d bytes: %s closed %v", n, len(whole), r.Verdict, r.Closed)
			return false
		}
		return true
	})
}

// TestEveryFlippedByteOfTheLastSealIsNoticed: no later line covers it.
func TestEveryFlippedByteOfTheLastSealIsNoticed(t *testing.T) {
	whole := []byte(read(t, segmentFile(closedNight(t), 1)))
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	bits := []byte{0x01, 0x20, 0x80}
	inParallel(t, (len(whole)-last)*len(bits), func(i int) bool {
		data := slices.Clone(whole)
		data[last+i/len(bits)] ^= bits[i%len(bits)]
		if r := verifyBytes(data); r.Exit == 0 {
			t.Errorf("byte %d of the last seal xor %#x: %s", i/len(bits), bits[i%len(bits)], r.Verdict)
			return false
		}
		return true
	})
}
