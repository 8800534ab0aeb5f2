package session_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// TestAnExportOfAnOpenSessionStandsInItsRecord, and nothing else that somebody
// leaves beside it.
func TestAnExportOfAnOpenSessionStandsInItsRecord(t *testing.T) {
	v, dir := newServers(), filepath.Join(t.TempDir(), "r")
	n := begin(t, v, config(v, dir))
	sum := strings.Repeat("ab", 32)
	if err := session.LeaveExport(dir, session.Exported{By: "eve", Format: "bundle", SHA256: sum, To: "night.tqz", Redacted: []int64{3}}); err != nil {
		t.Fatal(err)
	}
	if err := session.LeaveLook(dir, session.Looked{By: "eve", What: "values of rows that differ of public.accounts, by turquoise diff", Rows: 3}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"export-a.json": "{", "export-b.json": `{"by":"x","format":"html","sha256":"../..","to":"y"}`, "export-c.json": strings.Repeat(" ", 1<<20), "look-a.json": `{"by":"eve","what":"x","rows":0}`} {
		if err := os.WriteFile(filepath.Join(dir, "requests", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.run("1.1", steps.Done)
	if err := n.do(session.Intent{Command: steps.End{Reason: "end"}}); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Close(); err != nil {
		t.Fatal(err)
	}
	rec, err := audit.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range rec.Entries {
		if e.Type == "export.created" || e.Type == "view.detail" {
			got = append(got, e.By+" "+string(e.Body))
		}
	}
	if want := `eve {"format":"bundle","redacted":[3],"sha256":"` + sum + `","to":"night.tqz"}|eve {"rows":3,"what":"values of rows that differ of public.accounts, by turquoise diff"}`; strings.Join(got, "|") != want {
		t.Errorf("the record has %q, want %s", got, want)
	}
	if r := entries.Verify(dir, audit.VerifyOptions{}); len(r.Findings) > 0 {
		t.Error(r.Findings)
	}
}
