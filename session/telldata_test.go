package session_test

import (
	"slices"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestWritesOnTheNewSideAreNoFinding: what following the changes says of green is
// told until the statement that opens writes there is begun, and not after it.
func TestWritesOnTheNewSideAreNoFinding(t *testing.T) {
	v := newServers()
	n := begin(t, v, config(v, t.TempDir()))
	n.run("1.1", steps.Done)
	told := map[string]bool{}
	at := func(text string) func() (engines.Result, error) {
		return func() (engines.Result, error) {
			n.s.TellOfData(true, "written on green at "+text)
			out := n.s.Snapshot().Cards["2"].Output
			told[text] = slices.ContainsFunc(out, func(o session.OutputLine) bool { return o.Text == "written on green at "+text })
			return row("t"), nil
		}
	}
	v.mu.Lock()
	v.on["catchup"], v.on["open"] = at("catchup"), at("open")
	v.mu.Unlock()
	n.run("2", steps.Done)
	if !told["catchup"] || told["open"] {
		t.Errorf("told %v", told)
	}
}
