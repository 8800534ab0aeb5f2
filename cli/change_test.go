package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit/entries"
)

func TestWhatIsSaidOfTheChange(t *testing.T) {
	k := ticket{title: " Move orders ", url: "https://tickets.example/CHG-7", window: "2026-11-21T03:00:00+01:00,2026-11-21T04:00:00Z", domain: "audit.bank.example"}
	want := entries.Change{Title: "Move orders", URL: "https://tickets.example/CHG-7", WindowFrom: "2026-11-21T02:00:00Z", WindowTo: "2026-11-21T04:00:00Z"}
	if got := k.entry(); got != want || k.check() != nil {
		t.Errorf("%+v, %v; want %+v", got, k.check(), want)
	}
	if got := k.origin("20261121-orders-7f3a"); got != "audit.bank.example/turquoise/20261121-orders-7f3a" {
		t.Errorf("origin %s", got)
	}
	if got := (ticket{}).origin("20261121-orders-7f3a"); got != "local/turquoise/20261121-orders-7f3a" || (ticket{}).check() != nil || (ticket{}).entry() != (entries.Change{}) {
		t.Errorf("nothing said: %s", got)
	}
	for _, bad := range [][]string{{"--audit-domain", "a b"}, {"--audit-domain", "x/y"}, {"--audit-domain", "x+y"},
		{"--change-window", "2026-11-21T04:00:00Z,2026-11-21T03:00:00Z"}, {"--change-window", "tonight"}} {
		var errs strings.Builder
		if code := Main(append([]string{"run", "postgres-logical", "--plain"}, bad...), strings.NewReader(""), io.Discard, &errs); code != ExitUsage || !strings.Contains(errs.String(), bad[0]) {
			t.Errorf("%v: status %d, %s", bad, code, errs.String())
		}
	}
}
