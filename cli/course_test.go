package cli

import (
	"os"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/runbooks"
)

// course is a shipped runbook on the servers of one lab profile, with what a test
// that walks it there and back must know. A new engine is one row.
type course struct {
	name   string
	book   string // of the catalogue
	engine string // of the lab profile
	flavor string
	window runbooks.StepID // the block
	back   runbooks.StepID // soon after it, with the writes on green, the walk may turn back
	home   runbooks.StepID // the last step after which it may
	out    runbooks.StepID // after it, before the window, the walk turns back
	outs   string          // how the steps of that way back begin
	least  int             // boundaries that the selection kills at, on the way there and back
	looks  int             // actions of the block behind the one that opens writes
	cuts   bool            // the router cannot hold clients: a window refuses and cuts them
	// everyMS is the sampling interval of lives that are killed: a reading is stale
	// after three of them, and these servers take longer to answer. 0: the usual one.
	everyMS int
}

func courses() []course {
	return []course{
		{name: "postgres", book: "postgres-logical", engine: "postgres", window: "5", back: "6.2", home: "6.6", out: "4.5", outs: "A1.", least: 25},
		{name: "mysql", book: "mysql-binlog", engine: "mysql", flavor: lab.FlavorMySQL, window: "5", back: "6.4", home: "6.8", out: "4.5", outs: "A1.", least: 25, looks: 1, cuts: true, everyMS: 400},
		{name: "mariadb", book: "mysql-binlog", engine: "mysql", flavor: lab.FlavorMariaDB, window: "5", back: "6.4", home: "6.8", out: "4.5", outs: "A1.", least: 25, looks: 1, cuts: true, everyMS: 400},
	}
}

// dear skips a night that takes minutes on one of the two products of MySQL's
// family: in each run they share these nights, make e2e walks all of them on both.
func (c course) dear(t *testing.T, product string) {
	t.Helper()
	if c.engine == "mysql" && c.name != product && os.Getenv(wholeMatrix) == "" {
		t.Skipf("walked on %s; %s walks it on both", product, wholeMatrix)
	}
}

// brief are the shipped runbooks' dwells as a walk of many short lives can wait
// for them: each life begins with no samples.
func brief() []string { return []string{"calm=200ms", "quiet=1s"} }
