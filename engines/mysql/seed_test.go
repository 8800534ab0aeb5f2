package mysql_test

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestACopyThatFailsLeavesNoCoordinates: a copy from which nothing can be taken
// up is seen as one, and a side that is not empty is not written to.
func TestACopyThatFailsLeavesNoCoordinates(t *testing.T) {
	w := newWalker(t, labtest.MySQLPair(t, lab.MySQLOptions{Flavor: lab.FlavorMySQL}))
	w.step("control", "create", "blue", "blue", "green")
	right := w.secrets
	w.secrets = strings.NewReplacer("${secret:dump}", "hunter2-wrong")
	p := w.plan("seed", "copy", "green", "blue", "green")
	_, err := w.try(p.Actions, nil)
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "mysqldump") {
		t.Errorf("a wrong password: %v", err)
	}
	if out := w.conn("green", "").Classify(err); out != engines.Unclear {
		t.Errorf("a copy that began is %v, want unclear", out)
	}
	if w.vars["seed_ids"] != "" || w.vars["seed_file"] != "" {
		t.Errorf("coordinates of a copy that is not there: %v", w.vars)
	}
	w.secrets = right
	w.step("seed", "copy", "green", "blue", "green")
	if w.vars["seed_ids"] == "" || w.vars["seed_file"] == "" || w.vars["seed_position"] == "" {
		t.Errorf("coordinates: %v", w.vars)
	}
	if _, err := w.try(w.plan("seed", "copy", "green", "blue", "green").Actions, nil); err == nil || !strings.Contains(err.Error(), "the side is empty") {
		t.Errorf("a second copy: %v", err)
	}
}

// TestALinkWithTLS: the replication's account asks for it, and both links have it.
func TestALinkWithTLS(t *testing.T) {
	w := newWalker(t, labtest.MySQLPair(t, lab.MySQLOptions{Flavor: lab.FlavorMySQL}))
	for _, side := range []string{"blue_conninfo", "green_conninfo"} {
		w.params[side] = strings.Replace(w.params[side], "ssl=off", "ssl=on", 1)
	}
	w.build()
	w.do(w.window("blue", "green").Actions)
	if got := w.rows("blue", "SHOW REPLICA STATUS\n-- of the answer: Source_SSL_Allowed, Replica_IO_Running"); got != "Yes / Yes" {
		t.Errorf("the way back: %s", got)
	}
	if got := w.rows("green", "SELECT ssl_type FROM mysql.user WHERE user = 'repl'"); got != "ANY" {
		t.Errorf("the account asks for %q", got)
	}
}
