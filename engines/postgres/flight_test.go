package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestAStatementThatOutlivesItsClientIsSeen: a client that dies leaves the server
// at work, and the comment in front of the text tells which statement that is.
func TestAStatementThatOutlivesItsClientIsSeen(t *testing.T) {
	db := labtest.Postgres(t, 17)
	dying, looking := open(t, db.DSN), open(t, db.DSN)
	const tag = "/* tq s=20260301-small-0a1b n=12 i=1 "
	flies := func() bool {
		t.Helper()
		f, err := looking.InFlight(t.Context(), tag)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if flies() {
		t.Fatal("in flight before it was sent")
	}
	ctx, die := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := dying.Do(ctx, engines.Statement{Text: "SELECT pg_sleep(1)", Tag: tag + "h=0 */", Limit: 5 * time.Second})
		gone <- err
	}()
	for !flies() {
	}
	die()
	if got := dying.Classify(<-gone); got != engines.Unclear {
		t.Errorf("a statement whose client went away is %s", got)
	}
	for flies() {
	}
}
