package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// TestExitCodesAreInTheGuide: scripts are written from the guide.
func TestExitCodesAreInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../docs/operating-guide.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := exitTable(); !strings.Contains(string(guide), want) {
		t.Errorf("docs/operating-guide.md lacks the table of exit codes; put this in:\n%s", want)
	}
}

func TestErrorsArePrintedOnceWithTheirNextMove(t *testing.T) {
	cause := &engines.Error{Op: "read lag", Object: "green", Err: errors.New("lost\x1b[2J"), Next: "press v"}
	for name, tt := range map[string]struct {
		err  error
		code int
		text string
	}{
		"plain":   {fmt.Errorf("plan: %w", cause), ExitFailed, "turquoise: plan: read lag: green: lost\uFFFD[2J\nnext: press v\n"},
		"refused": {exit(ExitRefused, cause), ExitRefused, "turquoise: read lag: green: lost\uFFFD[2J\nnext: press v\n"},
		"silent":  {exit(3, nil), 3, ""},
		"no next": {errors.New("odd"), ExitFailed, "turquoise: odd\n"},
		"fine":    {nil, ExitOK, ""},
	} {
		var out strings.Builder
		app := &App{Err: &out, started: true}
		if code := app.finish(tt.err); code != tt.code || out.String() != tt.text {
			t.Errorf("%s: want %d %q, got %d %q", name, tt.code, tt.text, code, out.String())
		}
	}
}

// exitTable is the table as Markdown.
func exitTable() string {
	var s strings.Builder
	s.WriteString("| exit | verbs | result | meaning |\n|---|---|---|---|\n")
	for _, c := range exitCodes() {
		fmt.Fprintf(&s, "| %d | %s | %s | %s |\n", c.code, c.verbs, c.result, c.meaning)
	}
	return s.String()
}
