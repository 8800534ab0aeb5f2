package anchors_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

const (
	sid    = "20261121-orders-7f3a"
	origin = "audit.example/turquoise/" + sid
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// record is a night without people; what is written says which of two nights.
type record struct {
	t   *testing.T
	dir string
	log *audit.Log
}

func newRecord(t *testing.T) *record {
	t.Helper()
	dir, start := t.TempDir(), time.Now()
	l := must[*audit.Log](t)(audit.Create(dir, audit.Options{Sid: sid, Origin: origin, Types: entries.Types(), Now: time.Now,
		Mono: func() time.Duration { return time.Since(start) }, Rand: rand.Reader, First: func(o audit.Opening) audit.Line {
			return audit.Line{Meta: audit.Meta{By: "alice"}, Body: entries.SessionOpen{Origin: o.Origin, Mode: "lab", VKey: o.VKey}}
		}}))
	t.Cleanup(func() { l.Release() })
	return &record{t, dir, l}
}

// write adds lines and a seal, and gives the head to take outside.
func (r *record) write(texts ...string) anchors.Point {
	r.t.Helper()
	for _, text := range texts {
		must[audit.Entry](r.t)(r.log.Append(audit.Meta{By: "alice"}, entries.HoldBegin{Reason: text}))
	}
	if err := r.log.Seal(); err != nil {
		r.t.Fatal(err)
	}
	return anchors.Point{Dir: r.dir, Sid: sid, Head: r.log.Head()}
}

func (r *record) close() {
	r.t.Helper()
	if err := r.log.Close(audit.Meta{By: "alice"}, entries.SessionClose{Result: "cut_over"}); err != nil {
		r.t.Fatal(err)
	}
}

// verify asks one anchor of those in from, which may lie beside another night.
func (r *record) verify(from string, trust anchors.Trust) audit.Report {
	r.t.Helper()
	all, skipped, err := anchors.Vouches(r.t.Context(), from, trust)
	if err != nil {
		r.t.Fatal(err)
	}
	return entries.Verify(r.dir, audit.VerifyOptions{Origin: origin, Quorum: 1, Vouches: all, Skipped: skipped, Now: time.Now()})
}

func expect(t *testing.T, r audit.Report, exit int, texts ...string) {
	t.Helper()
	if r.Exit != exit {
		t.Errorf("exit %d, want %d: %v", r.Exit, exit, r.Findings)
	}
	all := fmt.Sprint(r.Findings, r.NotChecked, r.Levels)
	for _, text := range texts {
		if !strings.Contains(all, text) {
			t.Errorf("no %q in %s", text, all)
		}
	}
}

// twoNights are a real record that anchor saw after its first lines, and a
// forged one under the same name.
func twoNights(t *testing.T, a anchors.Anchor) (real, forged *record) {
	t.Helper()
	real, forged = newRecord(t), newRecord(t)
	first := real.write("as it was")
	got := must[anchors.Receipt](t)(a.Take(t.Context(), first))
	if got.Kind != a.Kind() || got.Name != a.Name() || got.Size != first.Head.Size || time.Since(got.At).Abs() > time.Minute {
		t.Errorf("receipt %+v", got)
	}
	data := must[[]byte](t)(os.ReadFile(filepath.Join(real.dir, got.File)))
	if len(data) == 0 {
		t.Error("an empty receipt")
	}
	second := real.write("more", "and more")
	must[anchors.Receipt](t)(a.Take(t.Context(), second))
	forged.write("as it never was", "more", "and more", "and more")
	for _, r := range []*record{real, forged} {
		r.close()
	}
	return real, forged
}

func newWitness(t *testing.T, state string) (*anchors.Witness, []byte) {
	t.Helper()
	_, seed, err := anchors.NewWitnessKey("w.example/bob", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return must[*anchors.Witness](t)(anchors.NewWitness("w.example/bob", seed, state, entries.Types(), nil, time.Now)), seed
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestAWitnessCatchesAForgedNight(t *testing.T) {
	state := t.TempDir()
	w, seed := newWitness(t, state)
	a := must[*anchors.WitnessAnchor](t)(anchors.NewWitnessAnchor(serve(t, w), w.Key()))
	real, forged := twoNights(t, a)
	trust := anchors.Trust{Witnesses: []anchors.WitnessKey{w.Key()}}
	r := real.verify(real.dir, trust)
	expect(t, r, 0, "witness w.example/bob at 20")
	if r.Covered == 0 || !r.Levels[3].Met {
		t.Errorf("covered %d: %v", r.Covered, r.Levels)
	}
	expect(t, forged.verify(real.dir, trust), 1, "E42-rewritten", "witness w.example/bob saw another history at")
	expect(t, real.verify(real.dir, anchors.Trust{}), 4, "U61-witness-unknown", "which is not among the --witness keys", "U60")
	// The witness itself refuses the forged night, also after a restart.
	w2 := must[*anchors.Witness](t)(anchors.NewWitness("w.example/bob", seed, state, entries.Types(), nil, time.Now))
	a2 := must[*anchors.WitnessAnchor](t)(anchors.NewWitnessAnchor(serve(t, w2), w.Key()))
	_, err := a2.Take(t.Context(), anchors.Point{Dir: forged.dir, Sid: sid, Head: forged.log.Head()})
	if err == nil || !strings.Contains(err.Error(), "history was rewritten") {
		t.Errorf("the witness signs a rewritten night: %v", err)
	}
}

func TestAReceiptOfAWitnessThatWasChanged(t *testing.T) {
	w, _ := newWitness(t, t.TempDir())
	a := must[*anchors.WitnessAnchor](t)(anchors.NewWitnessAnchor(serve(t, w), w.Key()))
	real, _ := twoNights(t, a)
	trust := anchors.Trust{Witnesses: []anchors.WitnessKey{w.Key()}}
	file := must[[]string](t)(filepath.Glob(real.dir + "/anchors/*.note"))[0]
	good := must[[]byte](t)(os.ReadFile(file))
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 1
		if err := os.WriteFile(file, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		// A flip in the log's own signature line is no word of the witness.
		line := strings.LastIndex(string(good), "— ")
		if r := real.verify(real.dir, trust); r.Exit == 0 && (i < strings.Index(string(good), "\n\n") || i >= line) {
			t.Errorf("byte %d of %d: %s", i, len(good), r.Verdict)
		}
	}
}

// TestPlainHTTPStaysHere: the lines of a record go to the witness.
func TestPlainHTTPStaysHere(t *testing.T) {
	for address, ok := range map[string]bool{"http://127.0.0.1:1": true, "http://[::1]:1": true, "http://localhost:1": true, "https://w.example": true,
		"http://w.example": false, "http://10.0.0.1:1": false, "ftp://w.example": false, "w.example": false} {
		if _, err := anchors.NewWitnessAnchor(address, anchors.WitnessKey{}); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestTheTicketCatchesAForgedNight(t *testing.T) {
	real, forged := newRecord(t), newRecord(t)
	real.write("as it was")
	forged.write("as it never was")
	head := real.log.Head()
	for _, r := range []*record{real, forged} {
		r.close()
	}
	o := audit.VerifyOptions{Origin: origin, Quorum: 1, Vouches: []audit.Vouch{audit.TicketVouch(must[audit.Head](t)(audit.ParseTicket(head.Ticket())))}}
	expect(t, entries.Verify(real.dir, o), 0)
	expect(t, entries.Verify(forged.dir, o), 1, "the ticket's head at", "is not this log's: the log was rewritten")
	// And with nobody outside, nothing is found: the report says what that is worth.
	none := forged.verify(t.TempDir(), anchors.Trust{})
	expect(t, none, 4, "U60-no-anchor")
	if none.Levels[3].Met || none.Covered != 0 {
		t.Errorf("levels %v", none.Levels)
	}
}

func TestTagsInAServersLogFixTheRecord(t *testing.T) {
	real, forged := newRecord(t), newRecord(t)
	log := ""
	for _, r := range []*record{real, forged} {
		s := must[audit.Sealed](t)(r.log.Intent(audit.Line{Meta: audit.Meta{By: "alice", Step: "1"}, Body: entries.StepIntent{PlanSHA256: r.dir}}))
		if r == real {
			log = "2026-11-21 02:00:00 UTC LOG:  statement: " + s.Tag(1) + " ALTER ROLE app NOLOGIN\n" + strings.ReplaceAll(s.Tag(1), sid, "20261121-other-0000") + "\n"
		}
		must[audit.Entry](t)(r.log.Append(audit.Meta{By: "alice", Step: "1", Ref: audit.Ref(s.Seq()), OK: audit.OK(true)}, entries.StepOutcome{Outcome: entries.Done}))
		r.close()
	}
	file := filepath.Join(t.TempDir(), "pg.log")
	if err := os.WriteFile(file, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	v := must[[]audit.Vouch](t)(anchors.ServerLog(file, sid))
	if len(v) != 1 || v[0].Line != 1 {
		t.Fatalf("vouches %v", v)
	}
	o := audit.VerifyOptions{Origin: origin, Quorum: 1, Vouches: v}
	for dir, want := range map[string]string{real.dir: "", forged.dir: "E45-tag"} {
		r := entries.Verify(dir, o)
		got := ""
		for _, f := range r.Findings {
			if f.Sev == audit.Tampered {
				got = f.Code
			}
		}
		if got != want {
			t.Errorf("found %q, want %q: %v", got, want, r.Findings)
		}
	}
}

// slow is an anchor that answers when it is told to.
type slow struct {
	gate chan struct{}
	fail error
	mu   sync.Mutex
	took []int64
}

func (*slow) Kind() string { return audit.AnchorWitness }
func (*slow) Name() string { return "slow" }
func (s *slow) Take(ctx context.Context, p anchors.Point) (anchors.Receipt, error) {
	select {
	case <-s.gate:
	case <-ctx.Done():
		return anchors.Receipt{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took = append(s.took, p.Head.Size)
	return anchors.Receipt{Kind: s.Kind(), Size: p.Head.Size}, s.fail
}

// TestARunnerNeverHoldsTheSession: heads pile up behind a slow anchor, and only
// the newest of them is taken; one that never answers is a fault, after its limit.
func TestARunnerNeverHoldsTheSession(t *testing.T) {
	a := &slow{gate: make(chan struct{})}
	var mu sync.Mutex
	var got []int64
	var faults []error
	r := anchors.Run(t.Context(), anchors.RunnerOptions{Limit: time.Minute, Now: time.Now,
		Got: func(x anchors.Receipt) { mu.Lock(); got = append(got, x.Size); mu.Unlock() },
		Failed: func(_ anchors.Anchor, _ time.Time, err error) {
			mu.Lock()
			faults = append(faults, err)
			mu.Unlock()
		}}, a)
	for n := range int64(1000) {
		r.Head(audit.Head{Size: n}) // never waits
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if r.Settle(done) {
		t.Error("settled while an anchor is on its way")
	}
	close(a.gate)
	if !r.Settle(t.Context()) || got[len(got)-1] != 999 || len(got) > 2 {
		t.Errorf("took %v", got)
	}
	a.mu.Lock()
	a.fail = errors.New("no")
	a.mu.Unlock()
	r.Head(audit.Head{Size: 1000})
	if !r.Settle(t.Context()) || len(faults) != 1 {
		t.Errorf("faults %v", faults)
	}
	r.Close()
	hung := anchors.Run(t.Context(), anchors.RunnerOptions{Limit: time.Millisecond, Now: time.Now,
		Failed: func(_ anchors.Anchor, _ time.Time, err error) { faults = append(faults, err) }}, &slow{gate: make(chan struct{})})
	hung.Head(audit.Head{Size: 1})
	if !hung.Settle(t.Context()) || len(faults) != 2 || !errors.Is(faults[1], context.DeadlineExceeded) {
		t.Errorf("faults %v", faults)
	}
	hung.Close()
}
