package mysql

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
)

// variants are the pairs of servers that plans are made for.
var variants = map[string]engines.Identity{
	"mysql":            identityOf(productMySQL, "9.7.4", "1"),
	"mysql-position":   identityOf(productMySQL, "8.0.36", "0"),
	"mariadb":          identityOf(productMariaDB, "10.11.19", "1"),
	"mariadb-position": identityOf(productMariaDB, "11.4.3", "0"),
}

func identityOf(product, v, gtid string) engines.Identity {
	return engines.Identity{Engine: Name, Version: v, Host: "10.0.0.5", Port: 3306, Extra: map[string]string{extraProduct: product, extraGTID: gtid}}
}

func request(variant, kind, stage string, on, from, to engines.TargetID) engines.Request {
	blue, green := variants[variant], variants[variant]
	green.Host = "10.0.0.6"
	return engines.Request{Kind: kind, Stage: stage, Run: "s7f2", Attempt: 3, On: on, From: from, To: to,
		Params: map[string]string{"blue_conninfo": "host=orders-blue port=3306", "green_conninfo": "host=orders-green port=3307 ssl=off", "verify_back": "full"},
		Lists:  map[string][]string{"databases": {"shop"}}, Vars: map[string]string{"events_before_blue": "ON", "events_before_green": "ON", "followed_back": "equal"},
		Known: map[engines.TargetID]engines.Identity{"blue": blue, "green": green}, Change: changeOf(kind), Args: argsOf(kind)}
}

// changeOf is a change of a shared database for the kinds that need one.
func changeOf(kind string) *engines.SchemaChange {
	if argsOf(kind) == nil {
		return nil
	}
	return &engines.SchemaChange{On: "blue", Table: "shop.customer", Key: "id", Filled: "family", Roles: map[engines.Colour]string{engines.Blue: "shop_blue@10.0.%"},
		Old: []engines.Object{{Kind: "column", Name: "name"}}, New: []engines.Object{{Kind: "column", Name: "family"}},
		Up: []engines.Mapped{{Column: "family", Expr: "UPPER(name)"}}, Down: []engines.Mapped{{Column: "name", Expr: "LOWER(family)"}}}
}

func argsOf(kind string) map[string]string {
	switch kind {
	case "ddl":
		return map[string]string{"text": "DROP TRIGGER shop.t; ALTER TABLE shop.customer MODIFY family VARCHAR(9) NOT NULL, ALGORITHM=INPLACE, LOCK=NONE",
			"leaves": "no trigger t; column family varchar(9) not null", "lock_timeout": "1s", "attempts": "3"}
	case "backfill":
		return map[string]string{"batch": "2000", "checkpoint": "tqctl.progress"}
	case "roundtrip":
		return map[string]string{"": ""}
	case "fence-role", "sessions":
		return map[string]string{"colour": "blue"}
	}
	return nil
}

// TestGoldenPlans shows a reviewer what each kind and stage would send, in both
// directions, on both products. A kind without a file fails here; by position
// only what differs has one.
func TestGoldenPlans(t *testing.T) {
	for _, variant := range slices.Sorted(maps.Keys(variants)) {
		for _, k := range slices.Sorted(maps.Keys(kinds())) {
			kind, stage, _ := strings.Cut(k, "/")
			for _, dir := range []struct {
				name     string
				from, to engines.TargetID
			}{{"there", "blue", "green"}, {"back", "green", "blue"}} {
				name := strings.TrimSuffix(kind+"-"+stage, "-") + "." + dir.name + ".txt"
				t.Run(variant+"/"+name, func(t *testing.T) {
					goldenPlan(t, variant, name, request(variant, kind, stage, dir.from, dir.from, dir.to))
				})
			}
		}
	}
}

func goldenPlan(t *testing.T, variant, name string, r engines.Request) {
	p, err := Planner{}.Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := (Planner{}).Plan(r); enginetest.Show(p) != enginetest.Show(again) {
		t.Error("the same request gave other bytes")
	}
	sound(t, p)
	if main, byPosition := strings.CutSuffix(variant, "-position"); byPosition {
		enginetest.Golden(t, variant+"/"+name, p, main+"/"+name)
		return
	}
	enginetest.Golden(t, variant+"/"+name, p)
}

// sound holds what is true of every plan: an undo or the reason for none, a
// proof behind everything that changes something, aborts that name their action.
func sound(t *testing.T, p engines.Parts) {
	t.Helper()
	if (len(p.Undo) == 0) == (p.UndoNone == "") {
		t.Error("neither an undo nor a reason for none, or both")
	}
	for _, as := range [][]engines.Action{p.Actions, p.Undo, p.Abort} {
		for _, a := range as {
			if a.Proof == nil && a.Verb != engines.Compare && (!reads(a) || len(a.Captures) == 0) {
				t.Errorf("%s changes something and has no proof, or reads for nothing", a.Title)
			}
			if a.Undoes > len(p.Actions) {
				t.Errorf("%s takes back action %d of %d", a.Title, a.Undoes, len(p.Actions))
			}
			if n := strings.Count(a.Text, "${secret:"); n != strings.Count(a.Text, "${secret:repl_sql}")+strings.Count(a.Text, "${secret:dump}") {
				t.Errorf("%s: an unknown secret", a.Title)
			}
			whole := a.Text
			if a.Proof != nil {
				whole += a.Proof.Text
			}
			for i := range 9 {
				if strings.Contains(whole, fmt.Sprintf("$%d", i+1)) && !strings.Contains(whole, "'$[") && len(a.Binds) <= i && (a.Proof == nil || len(a.Proof.Binds) <= i) {
					t.Errorf("%s: nothing is bound to $%d", a.Title, i+1)
				}
			}
		}
	}
}

// reads tells actions that change nothing.
func reads(a engines.Action) bool {
	return a.Verb == engines.Compare || strings.HasPrefix(a.Text, "SELECT") || strings.HasPrefix(a.Text, "SHOW") || strings.HasPrefix(a.Text, "XA RECOVER")
}

// TestUnknownServersAreNotPlannedFor: the words depend on the product, and two
// products do not understand each other's ids.
func TestUnknownServersAreNotPlannedFor(t *testing.T) {
	mixed := request("mysql", "freeze", "", "blue", "blue", "green")
	mixed.Known["green"] = variants["mariadb"]
	unknown := request("mysql", "freeze", "", "blue", "blue", "green")
	unknown.Known = nil
	for name, r := range map[string]engines.Request{"mixed": mixed, "unknown": unknown} {
		if p, err := (Planner{}).Plan(r); err == nil {
			t.Errorf("%s: planned %s", name, enginetest.Show(p))
		}
	}
	for name, r := range map[string]engines.Request{"mixed": mixed, "unknown": unknown} {
		r.Kind = "hold"
		if _, err := (Planner{}).Plan(r); err != nil {
			t.Errorf("%s: a planned stop: %v", name, err)
		}
	}
}

// TestEventsThatWereNeverStoppedAreLeftAlone: a cutover may be abandoned before it
// came to them.
func TestEventsThatWereNeverStoppedAreLeftAlone(t *testing.T) {
	r := request("mysql", "quiet", "off", "blue", "blue", "green")
	r.Vars = nil
	p, err := Planner{}.Plan(r)
	if err != nil || len(p.Actions) != 1 || !reads(p.Actions[0]) || len(p.Actions[0].Binds) > 0 {
		t.Errorf("%v\n%s", err, enginetest.Show(p))
	}
}

// TestConninfoIsRead refuses what would put a password into a plan, and what
// nobody can read.
func TestConninfoIsRead(t *testing.T) {
	for _, bad := range []string{"", "port=3306", "host=x password=hunter2", "mysql://u:hunter2@x/app", "host=x port=0", "host=x ssl=maybe", "host=", "host=x hunter2"} {
		r := request("mysql", "attach", "start", "green", "blue", "green")
		r.Params["blue_conninfo"] = bad
		if _, err := (Planner{}).Plan(r); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	r := request("mysql", "attach", "start", "green", "blue", "green")
	r.Params["blue_conninfo"] = "host=b port=3310 user=copy ssl=on ca=/etc/ca.pem"
	p, err := Planner{}.Plan(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SOURCE_HOST = 'b'", "SOURCE_PORT = 3310", "SOURCE_USER = 'copy'", "SOURCE_SSL = 1", "SOURCE_SSL_CA = '/etc/ca.pem'"} {
		if !strings.Contains(enginetest.Show(p), want) {
			t.Errorf("%s is missing:\n%s", want, enginetest.Show(p))
		}
	}
}

// TestTheAbortClosesGreenBeforeItTurnsTheLinkBack: the order in which nothing
// written on either side is lost.
func TestTheAbortClosesGreenBeforeItTurnsTheLinkBack(t *testing.T) {
	for _, variant := range []string{"mysql", "mariadb", "mysql-position", "mariadb-position"} {
		var whole engines.Parts
		for _, k := range []string{"freeze/", "catchup/", "reverse/start", "sequences/", "route/"} {
			kind, stage, _ := strings.Cut(k, "/")
			p, err := Planner{}.Plan(request(variant, kind, stage, "blue", "blue", "green"))
			if err != nil {
				t.Fatal(err)
			}
			whole.Append(p)
		}
		var order []string
		for _, a := range whole.Abort {
			for _, w := range []struct{ text, on, name string }{
				{"bar_writes(", "green", "close green"}, {"_WAIT(", "blue", "tokens on blue"}, {"WAIT_FOR", "blue", "tokens on blue"},
				{"STOP", "blue", "reverse off"}, {"START", "green", "forward on"}, {"read_only = OFF", "blue", "open blue"},
			} {
				if strings.Contains(a.Text, w.text) && string(a.Target) == w.on && !slices.Contains(order, w.name) {
					order = append(order, w.name)
				}
			}
		}
		if want := []string{"close green", "tokens on blue", "reverse off", "forward on", "open blue"}; !slices.Equal(order, want) {
			t.Errorf("%s: %v, want %v", variant, order, want)
		}
	}
}
