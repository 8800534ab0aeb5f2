package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestVersionsWalk: the same runbook, between other versions than 15 and 17.
// The oldest to the newest differ most, so a normal run walks that pair; the
// others, and the way back from the end, are for TURQUOISE_WHOLE_MATRIX.
func TestVersionsWalk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		blue, green int
		back        string
	}{
		{13, 18, ""},
		{13, 18, "6.6"}, {15, 17, "6.6"}, {17, 18, "6.6"}, {18, 18, "6.6"},
		{13, 13, ""}, {13, 15, ""}, {13, 17, ""}, {15, 15, ""}, {15, 18, ""}, {17, 17, ""},
	} {
		t.Run(fmt.Sprintf("%d to %d back %q", tt.blue, tt.green, tt.back), func(t *testing.T) {
			if os.Getenv("TURQUOISE_WHOLE_MATRIX") == "" && (tt.blue != 13 || tt.green != 18 || tt.back != "") {
				t.Skip("set TURQUOISE_WHOLE_MATRIX for all versions")
			}
			labtest.Have(t, tt.blue, tt.green)
			r := walkVersions(t, tt.back, "postgres-logical", "--blue-version", fmt.Sprint(tt.blue), "--green-version", fmt.Sprint(tt.green))
			if r.Failed != 0 {
				t.Errorf("failed: %+v", r)
			}
		})
	}
}

// TestVersionsOfMariaDBWalk: the same between MariaDB 10.11 and 11.8, for
// TURQUOISE_WHOLE_MATRIX. Nothing promises a way back from 11 to 10. HAProxy cuts
// connections, so transactions may fail.
func TestVersionsOfMariaDBWalk(t *testing.T) {
	t.Parallel()
	if os.Getenv("TURQUOISE_WHOLE_MATRIX") == "" {
		t.Skip("set TURQUOISE_WHOLE_MATRIX for all versions")
	}
	for _, tt := range []struct{ blue, back string }{{"10", ""}, {"11", ""}, {"11", "6.7"}} {
		t.Run(fmt.Sprintf("%s to 11 back %q", tt.blue, tt.back), func(t *testing.T) {
			walkVersions(t, tt.back, "mysql-binlog", "--flavor", "mariadb", "--verify", "full", "--clients", "8",
				"--blue-version", tt.blue, "--green-version", "11")
		})
	}
}

// TestTheWayBackIsProven: what was written on green is compared with blue, followed,
// and proven equal in the window back.
func TestTheWayBackIsProven(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ back, book string }{{"6.5", "postgres-logical"}, {"6.7", "mysql-binlog"}} {
		t.Run(tt.book, func(t *testing.T) {
			r := walkVersions(t, tt.back, tt.book, "--verify", "full", "--param", "verify_back=full", "--clients", "8")
			segment, err := os.ReadFile(filepath.Join(r.Record, "0001.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			if m := regexp.MustCompile(`"type":"var.captured"[^\n]*verified_rows_back`).Find(segment); m == nil {
				t.Error("the record does not say how many rows were proven equal in the window back")
			}
		})
	}
}

// walkVersions rehearses a runbook, and looks at what must be true between any versions.
func walkVersions(t *testing.T, back string, args ...string) rehearsed {
	t.Helper()
	args = append([]string{"rehearse", "--json", "--tps", fmt.Sprint(nightTPS), "--param", "calm=1s", "--param", "quiet=1s", "--dir", t.TempDir(), "--back-out-from", back}, args...)
	var out, said strings.Builder
	if code := Main(args, strings.NewReader(""), &out, &said); code != ExitOK {
		t.Fatalf("status %d:\n%s\n%s", code, said.String(), out.String())
	}
	var r rehearsed
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		t.Fatal(err)
	}
	want := "green"
	if back != "" {
		want = "blue"
	}
	if r.Acked == 0 || r.Lost+r.Duplicated != 0 || r.WritesOn != want || r.Error != "" {
		t.Errorf("writes on %s, want %s: %+v", r.WritesOn, want, r)
	}
	t.Logf("%d acknowledged, freeze %d ms, gap %d ms, worst latency %d ms", r.Acked, r.FreezeMS, r.GapMS, r.WorstLatencyMS)
	return r
}
