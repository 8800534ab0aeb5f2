package anchors

import (
	"bytes"
	"crypto/x509"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// stampData are two replies of an authority over the same head, made with openssl,
// and the certificate that vouches for both.
func stampData(t testing.TB) (head audit.Head, pool *x509.CertPool, replies [][]byte) {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	head, err := audit.ParseHead(string(read("head.checkpoint")))
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	if !pool.AppendCertsFromPEM(read("ca.pem")) {
		t.Fatal("no certificate")
	}
	return head, pool, [][]byte{read("ecdsa.tsr"), read("rsa.tsr")}
}

// word demands of a reply that is not the authority's own that it is refused, or
// is the same word: what no signature covers, as a spare certificate, may differ.
func word(t *testing.T, reply []byte, h audit.Head, pool *x509.CertPool, times []time.Time) {
	t.Helper()
	at, err := checkStamp(reply, h, nil, pool)
	if err == nil && !slices.ContainsFunc(times, at.Equal) {
		t.Errorf("a changed reply says %s: %x", at, reply)
	}
	other := h
	other.Size++
	if _, err := checkStamp(reply, other, nil, pool); err == nil {
		t.Errorf("a reply vouches for another head: %x", reply)
	}
	_, _ = checkStamp(reply, h, nil, nil) // without roots, too, it must only not fall over
}

func stampTimes(t testing.TB, h audit.Head, pool *x509.CertPool, replies [][]byte) (times []time.Time) {
	for _, r := range replies {
		at, err := checkStamp(r, h, nil, pool)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, at)
	}
	return times
}

// TestNoChangedStampSaysAnythingElse: every cut, every flipped byte, and splices
// of the two replies.
func TestNoChangedStampSaysAnythingElse(t *testing.T) {
	h, pool, replies := stampData(t)
	times := stampTimes(t, h, pool, replies)
	for _, good := range replies {
		for n := range good {
			if _, err := checkStamp(good[:n], h, nil, pool); err == nil {
				t.Errorf("the first %d of %d bytes are accepted", n, len(good))
			}
			for _, bit := range []byte{0x01, 0x20, 0x80} {
				bad := bytes.Clone(good)
				bad[n] ^= bit
				word(t, bad, h, pool, times)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		a, b := replies[r.IntN(2)], replies[r.IntN(2)]
		i, j := r.IntN(len(a)), r.IntN(len(b))
		size := min(1<<r.IntN(11), len(b)-j)
		word(t, slices.Concat(a[:i], b[j:j+size], a[min(i+r.IntN(2)*size, len(a)):]), h, pool, times)
	}
}

func FuzzStamp(f *testing.F) {
	h, pool, replies := stampData(f)
	times := stampTimes(f, h, pool, replies)
	for _, r := range replies {
		f.Add(r)
	}
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, reply []byte) { word(t, reply, h, pool, times) })
}
