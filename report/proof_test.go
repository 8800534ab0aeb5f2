package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// The first page says what proves the data, and what does not.
func TestDataProof(t *testing.T) {
	n := write(t)
	ok := audit.OK(true)
	check := func(kind, name, is, level string, ok *bool) {
		n.line(audit.Meta{By: audit.System, Step: "1", Target: "blue", OK: ok}, entries.CheckResult{Kind: kind, Check: name, Is: is, Want: "x", Level: level})
	}
	if got := read(t, n.dir).Data; !strings.Contains(got.Rows, "NOT COMPARED") || !strings.Contains(got.Sequences, "nothing") || len(got.Checks) != 0 {
		t.Errorf("of an empty night: %+v", got)
	}
	check("preflight", "PG51 Blue can be restored", "archiving is off", entries.LevelCaution, ok)
	check("preflight", "PG52 Clock", "odd", entries.LevelCaution, ok)
	check("preflight", "PG52 Clock", "good", "", ok)
	check("preflight", "PG53 Rights", "none", "", audit.OK(false))
	check("gate", "blue/lag_seconds", "12 ms", "", ok)
	check("proof", "sequences behind or missing", "0", "", ok)
	check("proof", "token", "", "", nil)
	for name, v := range map[string]string{"verified_rows": "1234567", "verified_tables": "48", "verify_ms": "230",
		"verified_rows_back": "1234600", "verified_tables_back": "48", "verified_since_back": "1 came and 2 went since 2026-11-22T03:00:00Z on both sides"} {
		n.line(audit.Meta{}, entries.VarCaptured{Name: name, Value: v})
	}
	night := read(t, n.dir)
	d := night.Data
	for what, c := range map[string][2]string{
		"rows":      {d.Rows, "every row of 48 tables proven equal at the freeze: 1 234 567 rows compared before the window; the proof took 230 ms of the freeze"},
		"sequences": {d.Sequences, "sequences behind or missing: 0 (pass"},
		"lag":       {d.Lag, "12 ms at the last gate"},
		"preflight": {d.Checks[0].Text(), "3 passed, 2 of them with a caution, 1 failed"},
		"proofs":    {d.Checks[2].Text(), "1 passed, 1 could not be answered"},
	} {
		if !strings.HasPrefix(c[0], c[1]) {
			t.Errorf("%s: %q; want it to begin with %q", what, c[0], c[1])
		}
	}
	if !strings.Contains(d.Rows, "; on the way back every row of 48 tables proven equal at the freeze: 1 234 600 rows compared before the window, 1 came and 2 went since") {
		t.Errorf("the way back: %q", d.Rows)
	}
	if len(d.Cautions) != 1 || d.Cautions[0].Is != "archiving is off" || d.Cautions[0].Verdict() != "caution" {
		t.Errorf("cautions %+v; want the one that still stands", d.Cautions)
	}
	var page bytes.Buffer
	if err := night.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page.String(), `<b class="warn">PG51 Blue can be restored</b> on blue: archiving is off`) {
		t.Error("the first page does not show the caution")
	}
}
