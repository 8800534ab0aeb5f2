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

// TestTheRecordTellsWhoseCredentialsCallAWS: all that STS said, or nothing.
func TestTheRecordTellsWhoseCredentialsCallAWS(t *testing.T) {
	v, dir := newServers(), t.TempDir()
	v.who = func(id engines.TargetID) (engines.Identity, error) {
		who, err := door{v, id}.same()
		if id == "blue" {
			who.Extra = map[string]string{engines.ExtraAWSAccount: "123456789012", engines.ExtraAWSCaller: "arn:aws:sts::123456789012:assumed-role/ops/alice",
				engines.ExtraAWSRegion: "eu-central-1", engines.ExtraAWSUser: "AROA:alice"}
		}
		return who, err
	}
	begin(t, v, config(v, dir))
	lines, es := bodies[entries.TargetBound](t, dir)
	want := entries.AWS{Account: "123456789012", CallerARN: "arn:aws:sts::123456789012:assumed-role/ops/alice", Region: "eu-central-1", UserID: "AROA:alice"}
	for i, b := range lines {
		if is := es[i].Target == "blue"; is != (b.AWS != nil) || is && *b.AWS != want {
			t.Errorf("%s: %+v", es[i].Target, b.AWS)
		}
	}
}
