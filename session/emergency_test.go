package session_test

import (
	"context"
	"crypto/rand"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// breaks makes the record of a session fail from a boundary on.
func breaks(cfg *session.Config, point string) {
	broken := &atomic.Bool{}
	cfg.Record.OpenFile = func(path string) (audit.File, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		return brittle{f, broken}, err
	}
	cfg.Crash = func(at string) {
		if at == point {
			broken.Store(true)
		}
	}
}

// TestABlockIsTakenBackWithoutARecord: the record fails inside the window. Nothing
// of the block is sent any more, the abort plan that was confirmed with it runs
// and stands in the emergency file, and a resumed session takes the file into the
// record, believes none of it and lets the operator roll back on record.
func TestABlockIsTakenBackWithoutARecord(t *testing.T) {
	for _, row := range []struct{ point, want string }{
		{"2:main:before-begin:2", "freeze|is it freeze|thaw"},
		{"2:main:after-begin:2", "freeze|is it freeze|catchup|is it catchup|uncatch|thaw"},
		{"2:main:after-send:1", "freeze|thaw"},
		{"2:main:before-begin:3", "freeze|is it freeze|catchup|is it catchup|uncatch|thaw"},
	} {
		t.Run(row.point, func(t *testing.T) {
			v, dir, spare := newServers(), t.TempDir(), t.TempDir()
			cfg := config(v, dir)
			cfg.Emergency = spare
			breaks(&cfg, row.point)
			n := begin(t, v, cfg)
			n.run("1.1", steps.Done)
			x := n.run("2", steps.Undone)
			if got := strings.Join(v.texts()[2:], "|"); got != row.want {
				t.Errorf("sent %s, want %s; why: %s", got, row.want, x.Why)
			}
			if st := n.s.State(); st.Freeze.On || st.Writes != "blue" {
				t.Errorf("freeze %+v, writes on %q", st.Freeze, st.Writes)
			}
			if err := n.confirm(); err == nil {
				t.Error("a step was confirmed without a record")
			}
			name := n.s.EmergencyFile()
			if err := n.s.Suspend("asked to stop"); err != nil || name == "" {
				t.Fatalf("suspend: %v; emergency file %q", err, name)
			}
			n.afterwards(dir, spare, name)
		})
	}
}

// TestEmergencyLinesGoOutside: what is written while the record cannot be lies with
// the witness of the session too, byte by byte.
func TestEmergencyLinesGoOutside(t *testing.T) {
	state := t.TempDir()
	_, seed, err := anchors.NewWitnessKey("w.example/bob", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w, err := anchors.NewWitness("w.example/bob", seed, state, entries.Types(), nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	at := httptest.NewServer(w)
	t.Cleanup(at.Close)
	a, err := anchors.NewWitnessAnchor(at.URL, w.Key())
	if err != nil {
		t.Fatal(err)
	}
	v, dir := newServers(), t.TempDir()
	cfg := config(v, dir)
	cfg.Emergency = t.TempDir()
	cfg.Anchor = outside(t, dir, v, cfg.Sid, a)
	breaks(&cfg, "2:main:before-begin:3")
	n := begin(t, v, cfg)
	n.run("1.1", steps.Done)
	n.run("2", steps.Undone)
	name := n.s.EmergencyFile()
	if err := n.s.Suspend("asked to stop"); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(name)
	if err != nil || len(want) == 0 {
		t.Fatalf("emergency file %q: %v", name, err)
	}
	kept, err := filepath.Glob(state + "/*.emergency-1.jsonl")
	if err != nil || len(kept) != 1 {
		t.Fatalf("the witness keeps %q, %v", kept, err)
	}
	if got, err := os.ReadFile(kept[0]); err != nil || string(got) != string(want) {
		t.Errorf("the witness has %d bytes of %d, %v", len(got), len(want), err)
	}
}

// afterwards resumes what an emergency left and brings it to its end.
func (n *night) afterwards(dir, spare, name string) {
	t, v := n.t, n.v
	t.Helper()
	cfg := config(v, dir)
	cfg.Emergency = spare
	s, err := session.Resume(t.Context(), cfg, "the disk has room again")
	if err != nil {
		t.Fatal(err)
	}
	again := attach(t, v, s)
	claims := strings.Join(s.Claims(), "\n")
	for _, want := range []string{name, "abort action 2 on blue: sent", "step 2: refused aborted: "} {
		if !strings.Contains(claims, want) {
			t.Errorf("claims lack %q:\n%s", want, claims)
		}
	}
	if id, doubt := s.State().Doubt(); !doubt || id != "2" {
		t.Fatalf("after resume step 2 is %s", s.State().Step("2").Phase)
	}
	if err := again.do(session.Intent{Command: steps.Settle{Step: "2", Next: steps.NextRollBack, Reason: "the emergency file says it was aborted"}}); err != nil {
		t.Fatal(err)
	}
	again.over("2", steps.Undone)
	again.run("2", steps.Done)
	if err := s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	faults := 0
	for _, e := range rec.Entries {
		b, _ := entries.Types().Decode(e)
		switch b := b.(type) {
		case entries.LogFault:
			faults++
			if !strings.Contains(b.Cause, "no space left on device") || len(b.EmergencySHA256) != 64 {
				t.Errorf("fault %+v", b)
			}
		case entries.SessionResume:
			if b.After != "fence" {
				t.Errorf("resumed after %q", b.After)
			}
		case entries.Deviation:
			if got, err := audit.ReadEvidence(dir, b.Evidence[0]); err != nil || !strings.Contains(string(got), `"thaw"`) {
				t.Errorf("evidence: %v: %s", err, got)
			}
		}
	}
	if faults != 1 {
		t.Errorf("%d faults in the record", faults)
	}
	for _, f := range entries.Verify(dir, audit.VerifyOptions{}).Findings {
		if f.Sev == audit.Tampered || f.Sev == audit.Rule {
			t.Errorf("the record: %v", f)
		}
	}
	// A second resume knows the file.
	if s, err = session.Resume(t.Context(), cfg, "once more"); err != nil {
		t.Fatal(err)
	}
	if again := attach(t, v, s); len(again.s.Claims()) != 0 {
		t.Errorf("taken in twice: %q", s.Claims())
	}
}

// TestWithoutAnyPlaceToWriteNothingIsSent: record and emergency file both fail.
func TestWithoutAnyPlaceToWriteNothingIsSent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "not a folder")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, spare := range []string{"", file} {
		v := newServers()
		cfg := config(v, t.TempDir())
		cfg.Emergency = spare
		breaks(&cfg, "2:main:before-begin:2")
		n := begin(t, v, cfg)
		n.run("1.1", steps.Done)
		if err := n.confirm(); err != nil {
			t.Fatal(err)
		}
		_ = n.s.Close() // waits for the step; its record is broken, which is the point
		if got := v.texts()[2:]; !slices.Equal(got, []string{"freeze", "is it freeze"}) {
			t.Errorf("emergency in %q: sent %q", spare, got)
		}
	}
}

// TestTheAnswerOfARunningStatementIsKept: outside of a block nothing is taken
// back, but what the server said is not lost.
func TestTheAnswerOfARunningStatementIsKept(t *testing.T) {
	v, spare := newServers(), t.TempDir()
	cfg := config(v, t.TempDir())
	cfg.Emergency = spare
	breaks(&cfg, "1.1:main:after-send:1")
	n := begin(t, v, cfg)
	n.run("1.1", steps.Unclear) // proven, but not on record: a resumed session asks again
	text, err := os.ReadFile(n.s.EmergencyFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type":"log.fault"`, `"type":"stmt.end"`, `"outcome":"done"`, `"type":"step.outcome"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "stmt.begin") {
		t.Errorf("a statement began:\n%s", text)
	}
}

// TestVerifyWaitsForAStatementThatStillRuns: a proof that is asked while the
// statement of the dead process runs would lie.
func TestVerifyWaitsForAStatementThatStillRuns(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	cfg := config(v, dir)
	breaks(&cfg, "1.1:main:after-begin:1")
	n := begin(t, v, cfg)
	if err := n.confirm(); err != nil {
		t.Fatal(err)
	}
	_ = n.s.Close() // its record is broken
	s, err := session.Resume(t.Context(), config(v, dir), "the machine died")
	if err != nil {
		t.Fatal(err)
	}
	n = attach(t, v, s)
	looks := 0
	v.flight = func(tag string) bool {
		looks++
		if !strings.HasPrefix(tag, "/* tq s=20260301-small-0a1b n=") || !strings.HasSuffix(tag, " i=1 ") {
			t.Errorf("looked for %q", tag)
		}
		if count(v, "is x") != 1 { // of the process before
			t.Errorf("the proof was asked while the statement ran")
		}
		return looks < 3
	}
	if err := n.do(session.Intent{Command: steps.Verify{Step: "1.1"}}); err != nil {
		t.Fatal(err)
	}
	if n.over("1.1", steps.Done); looks != 3 {
		t.Errorf("looked %d times", looks)
	}
}

var _ engines.Flight = door{}

func (d door) InFlight(_ context.Context, tag string) (bool, error) {
	if d.v.flight == nil {
		return false, nil
	}
	return d.v.flight(tag), nil
}
