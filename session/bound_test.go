package session_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
)

// TestTheRecordTellsHowAServerWasReached: what an engine tells of its connection
// stands in the line that binds the server; of one that tells nothing, nothing.
func TestTheRecordTellsHowAServerWasReached(t *testing.T) {
	said := map[engines.TargetID]map[string]string{
		"blue":  {engines.ExtraTLS: "TLS 1.3", engines.ExtraPeer: "5eed"},
		"green": {engines.ExtraTLS: engines.Unencrypted},
	}
	want := map[string]entries.TLS{"blue": {PeerSHA256: "5eed", Version: "TLS 1.3"}, "green": {Version: "off"}}
	v, dir := newServers(), t.TempDir()
	v.who = func(id engines.TargetID) (engines.Identity, error) {
		who, err := door{v, id}.same()
		who.Extra = said[id]
		return who, err
	}
	begin(t, v, config(v, dir))
	lines, es := bodies[entries.TargetBound](t, dir)
	if len(lines) < len(want) {
		t.Fatalf("%d servers are bound", len(lines))
	}
	for i, b := range lines {
		var is entries.TLS
		if b.TLS != nil {
			is = *b.TLS
		}
		if is != want[es[i].Target] {
			t.Errorf("%s: %+v, want %+v", es[i].Target, b.TLS, want[es[i].Target])
		}
	}
}
