package session_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// served is a session that listens, and a door to it.
func served(t *testing.T, n *night) func() net.Conn {
	t.Helper()
	dir, err := os.MkdirTemp("", "tq") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	n.s.Serve(l, func(net.Conn) string { return "bea" })
	return func() net.Conn {
		t.Helper()
		c, err := net.Dial("unix", filepath.Join(dir, "s"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

func watch(t *testing.T, c net.Conn) *session.Remote {
	t.Helper()
	r, err := session.Watch(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// TestAViewerSeesWhatTheOperatorSeesAndCannotAct: a second screen gets the same
// snapshots, its commands go nowhere, and its coming and going is on record.
func TestAViewerSeesWhatTheOperatorSeesAndCannotAct(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	n := begin(t, v, config(v, dir))
	r := watch(t, served(t, n)())
	frames, stop := r.Subscribe()
	defer stop()
	n.run("1.1", steps.Done)
	for s := range frames {
		if s.Current == "2" && s.Cards["2"].PlanText != "" {
			if want := n.s.Snapshot().Cards["2"].PlanText; s.Cards["2"].PlanText != want || s.Sid != "20260301-small-0a1b" {
				t.Errorf("%s: the viewer sees\n%s\nwant\n%s", s.Sid, s.Cards["2"].PlanText, want)
			}
			break
		}
	}
	var refused *steps.Refusal
	sent := len(v.texts())
	if err := r.Do(t.Context(), session.Intent{Command: steps.Arm{Step: "2"}}); !errors.As(err, &refused) || len(v.texts()) != sent {
		t.Errorf("a viewer's command: %v, sent %q", err, v.texts())
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for gone := false; !gone; { // until the session has noticed
		rec, err := audit.Load(dir)
		if err != nil {
			t.Fatal(err)
		}
		gone = slices.ContainsFunc(rec.Entries, func(e audit.Entry) bool { return e.Type == "view.left" })
	}
	again := watch(t, served2(t, n))
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	last, end := again.Subscribe()
	defer end()
	for range last {
	}
	if over, err := again.Ended(); !over || err != nil {
		t.Errorf("the stream of a session that ended: %v, %v", over, err)
	}
	views(t, dir, []string{"identity.bound bea", "view.joined bea", "view.left bea closed", "view.joined bea", "view.left bea session ended", "session.suspend"})
}

// served2 is a second viewer through a pipe, as a listener would give it.
func served2(t *testing.T, n *night) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	if err := n.s.Show(there, "bea"); err != nil {
		t.Fatal(err)
	}
	return here
}

// views reads back from the record who looked on.
func views(t *testing.T, dir string, want []string) {
	t.Helper()
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range rec.Entries {
		b, _ := entries.Types().Decode(e)
		switch b := b.(type) {
		case entries.IdentityBound:
			if b.Role == session.RoleViewer {
				got = append(got, e.Type+" "+b.Person)
			}
		case entries.ViewJoined:
			got = append(got, e.Type+" "+b.Person)
		case entries.ViewLeft:
			got = append(got, e.Type+" "+b.Person+" "+b.Why)
		case entries.SessionSuspend:
			got = append(got, e.Type)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("on record: %q\nwant %q", got, want)
	}
	for _, f := range entries.Verify(dir, audit.VerifyOptions{}).Findings {
		if f.Sev == audit.Tampered || f.Sev == audit.Rule {
			t.Errorf("the record: %v", f)
		}
	}
}

// TestAViewerThatTakesNothingDelaysNobody: its terminal is stopped.
func TestAViewerThatTakesNothingDelaysNobody(t *testing.T) {
	v := newServers()
	n := begin(t, v, config(v, t.TempDir()))
	stuck := served2(t, n) // nobody reads it
	defer func() { _ = stuck.Close() }()
	n.run("1.1", steps.Done)
	n.run("2", steps.Done)
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
}

// TestNobodyJoinsASessionThatIsBeingLeft: what is over cannot be watched.
func TestNobodyJoinsASessionThatIsBeingLeft(t *testing.T) {
	v := newServers()
	n := begin(t, v, config(v, t.TempDir()))
	dial := served(t, n)
	c := dial()
	if err := n.s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	r, err := session.Watch(c)
	if err != nil {
		return
	}
	defer func() { _ = r.Close() }()
	// It was let in a moment before the end: then it sees the end too.
	news, stop := r.Subscribe()
	defer stop()
	for range news {
	}
	if over, _ := r.Ended(); !over {
		t.Error("a viewer looks on at a session that is gone")
	}
}
