package cli

import (
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// TestCloudTrailContradictsARecord: a call that AWS logged under the session's name
// stands in the record, or the record is not the whole truth.
func TestCloudTrailContradictsARecord(t *testing.T) {
	const sid = "20261121-cloud-0a1b"
	dir := filepath.Join(t.TempDir(), "r")
	o := recordDeps(ticket{}.origin(sid))
	o.Sid, o.Types = sid, entries.Types()
	o.First = func(op audit.Opening) audit.Line {
		return audit.Line{Meta: audit.Meta{By: "ann"}, Body: entries.SessionOpen{Origin: op.Origin, Mode: "lab", VKey: op.VKey}}
	}
	l, err := audit.Create(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(audit.Meta{By: "ann", OK: audit.OK(true)}, entries.StmtEnd{Outcome: entries.Done, RequestID: "r-1"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	event := func(id, agent string) string {
		return fmt.Sprintf(`{"eventTime":"2026-11-21T02:00:00Z","eventName":"FailoverDBCluster","eventSource":"rds.amazonaws.com","userAgent":"aws-sdk-go-v2 app/%s","requestID":%q}`, agent, id)
	}
	trail := func(name string, packed bool, events ...string) string {
		file := filepath.Join(t.TempDir(), name)
		f, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"Records":[` + strings.Join(events, ",") + `]}`
		if packed {
			z := gzip.NewWriter(f)
			_, err = z.Write([]byte(text))
			if cerr := z.Close(); err == nil {
				err = cerr
			}
		} else {
			_, err = f.WriteString(text)
		}
		if cerr := f.Close(); err != nil || cerr != nil {
			t.Fatal(err, cerr)
		}
		return file
	}
	ours, others := "turquoise-"+sid, "turquoise-20261121-other-0a1b"
	out := turquoise(t, 1, "verify", dir, "--cloudtrail", trail("a.json", false, event("r-1", ours), event("r-2", ours), event("r-3", others)))
	if !strings.Contains(out, "E45-tag") || !strings.Contains(out, "CloudTrail has rds FailoverDBCluster of this session at 2026-11-21T02:00:00Z") || strings.Count(out, "E45-tag") != 1 {
		t.Error(out)
	}
	if !strings.Contains(out, "1 of 2 calls of this session stand in the record") {
		t.Error(out)
	}
	// The same, packed as AWS delivers it, and nothing against the record.
	out = turquoise(t, 3, "verify", dir, "--cloudtrail", trail("b.json.gz", true, event("r-1", ours)))
	if strings.Contains(out, "E45") || !strings.Contains(out, "1 of 1 calls") {
		t.Error(out)
	}
	turquoise(t, ExitUsage, "verify", dir, "--cloudtrail", filepath.Join(dir, "0001.jsonl"))
}
