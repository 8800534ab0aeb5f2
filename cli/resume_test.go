package cli

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// suspended is a session on real servers that was left after step 1.2, with a
// list and a window that are not the defaults.
func suspended(t *testing.T) *session.Session {
	t.Helper()
	pair := labtest.Pair(t, lab.Options{})
	for k, v := range pair.Env() {
		t.Setenv(k, v)
	}
	c := cutover{book: "postgres-logical", params: append(pair.Params(), "app_roles=app"), operator: "script", change: "CHG-7", ticket: ticket{domain: "audit.example"},
		window: "stepwise", dir: t.TempDir(), every: 250 * time.Millisecond}
	app := &App{Out: io.Discard, Err: io.Discard}
	s, err := app.open(t.Context(), c, labEnv(pair), func(cfg *session.Config) { cfg.LabOnly = true })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lab.Walk(t.Context(), s, lab.WalkOptions{Until: "1.2"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Suspend("left"); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestResume comes back to one session again and again, as its people would.
func TestResume(t *testing.T) {
	s := suspended(t)
	for _, tt := range []struct {
		name string
		run  func(*testing.T, *session.Session)
	}{
		{"stands where it was left", standsWhereItWasLeft},
		{"settles without a screen", settlesWithoutAScreen},
		{"says in lines what is on record, and leaves", saysInLinesWhatIsOnRecord},
		{"is not resumed once ended", isNotResumedOnceEnded},
	} {
		if !t.Run(tt.name, func(t *testing.T) { tt.run(t, s) }) {
			return
		}
	}
}

// standsWhereItWasLeft: runbook, parameters, lists, window, run
// and ticket are those of the record, and the next plan is the same to the byte.
func standsWhereItWasLeft(t *testing.T, s *session.Session) {
	was := s.Snapshot()
	cfg, fs, err := resumption{cutover: cutover{operator: "bob"}}.recorded(s.Dir(), os.LookupEnv)
	if err != nil || len(fs) > 0 {
		t.Fatal(err, fs)
	}
	if !cfg.Stepwise || cfg.Change != "CHG-7" || !cfg.LabOnly || strings.Join(cfg.Values.Lists["app_roles"], ",") != "app" {
		t.Errorf("stepwise %v, change %q, lab %v, lists %v", cfg.Stepwise, cfg.Change, cfg.LabOnly, cfg.Values.Lists)
	}
	again, err := session.Resume(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = again.Close() })
	is := again.Snapshot()
	if is.Current != "1.3" || is.Cards["1.3"].Digest != was.Cards["1.3"].Digest || is.Cards["1.3"].Digest == "" {
		t.Errorf("at %s with plan %q, was at %s with plan %q", is.Current, is.Cards["1.3"].PlanText, was.Current, was.Cards["1.3"].PlanText)
	}
	if st := again.State(); st.Step("1.2").Phase != steps.Done || st.Stopped != "" {
		t.Errorf("step 1.2 is %s, stopped %q", st.Step("1.2").Phase, st.Stopped)
	}
}

// settlesWithoutAScreen: nothing in doubt is no error for verify, and
// a refusal for a decision; the session stays resumable either way.
func settlesWithoutAScreen(t *testing.T, s *session.Session) {
	for _, tt := range []struct {
		settle, reason string
		code           int
	}{{"verify", "", ExitOK}, {"done", "the script says so", ExitRefused}, {"verify", "", ExitOK}} {
		var out, errs strings.Builder
		code := Main([]string{"resume", s.Dir(), "--settle", tt.settle, "--reason", tt.reason, "--json"}, strings.NewReader(""), &out, &errs)
		var got settlement
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
			t.Fatal(err, errs.String())
		}
		if code != tt.code || got.Next != "1.3" || got.WritesOn != "blue" || got.Unclear || len(got.Targets) != 3 {
			t.Errorf("%s: status %d, want %d: %+v\n%s", tt.settle, code, tt.code, got, errs.String())
		}
	}
}

// saysInLinesWhatIsOnRecord: with the input at its end the
// session is suspended, and the way to come back is printed.
func saysInLinesWhatIsOnRecord(t *testing.T, s *session.Session) {
	var out, errs strings.Builder
	if code := Main([]string{"resume", s.Dir(), "--plain"}, strings.NewReader(""), &out, &errs); code != ExitOK {
		t.Fatalf("status %d: %s", code, errs.String())
	}
	for _, want := range []string{"last at step 1.3", "no step is in doubt", "come back: turquoise resume " + s.Dir()} {
		if !strings.Contains(errs.String(), want) {
			t.Errorf("want %q in:\n%s", want, errs.String())
		}
	}
}

// isNotResumedOnceEnded: the record is closed for good.
func isNotResumedOnceEnded(t *testing.T, s *session.Session) {
	cfg, _, err := resumption{cutover: cutover{operator: "bob"}}.recorded(s.Dir(), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	again, err := session.Resume(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Handle(session.Person{Name: "bob", Role: "operator"}).Do(context.Background(), endIntent("enough")); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	if code := Main([]string{"resume", s.Dir(), "--plain"}, strings.NewReader(""), io.Discard, &errs); code != ExitRefused || !strings.Contains(errs.String(), "the session has ended") {
		t.Errorf("status %d: %s", code, errs.String())
	}
}
