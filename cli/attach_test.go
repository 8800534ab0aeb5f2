package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/session"
)

// TestAttachLooksOn: a second terminal in lines sees the running session, may not
// act, and is told what happened when the session goes.
func TestAttachLooksOn(t *testing.T) {
	s := suspended(t)
	cfg, _, err := resumption{cutover: cutover{operator: "ada"}}.recorded(s.Dir(), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	running, err := session.Resume(t.Context(), cfg, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	app := &App{Out: io.Discard, Err: testWriter{t}}
	app.serve(running)
	if info, err := os.Stat(filepath.Join(s.Dir(), "attach.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("socket: %v %v", info, err)
	}
	in, typed := io.Pipe()
	out := &watched{want: "STEP   1.3 ", seen: make(chan struct{})}
	var errs strings.Builder
	code := make(chan int, 1)
	go func() { code <- Main([]string{"attach", s.Dir(), "--plain"}, in, out, &errs) }()
	<-out.seen
	if err := running.Suspend("the operator left"); err != nil {
		t.Fatal(err)
	}
	if c := <-code; c != ExitOK || !strings.Contains(errs.String(), "turquoise resume "+s.Dir()) {
		t.Errorf("status %d: %s", c, errs.String())
	}
	if _, err := os.Stat(filepath.Join(s.Dir(), "attach.sock")); !os.IsNotExist(err) {
		t.Errorf("the socket of a session that is gone: %v", err)
	}
	_ = typed.Close()
	errs.Reset()
	if c := Main([]string{"attach", s.Dir(), "--plain"}, strings.NewReader(""), io.Discard, &errs); c != ExitRefused || !strings.Contains(errs.String(), "no cockpit runs it now") {
		t.Errorf("attach to a session that does not run: status %d: %s", c, errs.String())
	}
}

// watched is an output that says when a text was written to it.
type watched struct {
	text strings.Builder
	want string
	seen chan struct{}
	done bool
}

func (w *watched) Write(b []byte) (int, error) {
	w.text.Write(b)
	if !w.done && strings.Contains(w.text.String(), w.want) {
		w.done = true
		close(w.seen)
	}
	return len(b), nil
}
