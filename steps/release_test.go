package steps_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/haproxy"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

// releaseInputs are the fixed servers and values of the shared database.
func releaseInputs(t *testing.T) steps.Inputs {
	t.Helper()
	return sharedInputs(t, "blue-turquoise-green", postgres.Engine(), engines.Identity{Engine: "postgres", Version: "15.20", Major: 15, System: "7310000000000000001", Host: "shop-db", Port: 5432, Database: "shop",
		Login: "turquoise", Started: "2026-03-01 00:00:00+00", Writable: true})
}

func sharedInputs(t *testing.T, name string, e engines.Engine, db engines.Identity) steps.Inputs {
	t.Helper()
	src, ok := runbooks.Builtin(name)
	if !ok {
		t.Fatalf("the catalogue has no %s", name)
	}
	book, fs := runbooks.Parse(name+".yaml", src)
	if book == nil {
		t.Fatalf("parse: %v", fs)
	}
	v, fs := runbooks.Resolve(book, map[string]string{"ci_artifact": "run 4711", "backup_id": "snap-9"},
		func(n string) (string, bool) { return "shop-router:8080", n == "TURQUOISE_ROUTER_FRONTEND" })
	if runbooks.Refused(fs) {
		t.Fatalf("resolve: %v", fs)
	}
	b := *book.With(v)
	b.Digest = "the-digest-of-the-runbook"
	return steps.Inputs{Book: &b, Values: v, Run: "s7f2", Attempt: 1,
		Planners: map[string]engines.Planner{e.Name: e.Planner, haproxy.Name: haproxy.Engine().Planner},
		Known: map[engines.TargetID]engines.Identity{
			"db":     db,
			"router": {Engine: "haproxy", Version: "2.6.12", System: "node@unix:/run/haproxy/admin.sock", Host: "/run/haproxy/admin.sock", Login: "admin"},
		}}
}

// releaseInputsMySQL are those of the same release on MySQL or MariaDB.
func releaseInputsMySQL(t *testing.T, product, version string) steps.Inputs {
	t.Helper()
	return sharedInputs(t, "blue-turquoise-green-mysql", mysql.Engine(), engines.Identity{Engine: "mysql", Version: version, System: "uuid-1", Host: "shop-db", Port: 3306, Database: "shop",
		Login: "turquoise@%", Started: "2026-03-01 00:00:00", Writable: true, Extra: map[string]string{"product": product}})
}

// TestGoldenPlansOfARelease shows what the shared database's runbook would send.
func TestGoldenPlansOfARelease(t *testing.T) {
	for name, in := range map[string]steps.Inputs{"blue-turquoise-green": releaseInputs(t), "blue-turquoise-green-mysql": releaseInputsMySQL(t, "mysql", "9.7.4"),
		"blue-turquoise-green-mariadb": releaseInputsMySQL(t, "mariadb", "10.11.19")} {
		for _, it := range walks(in.Book)["block"] {
			p, err := steps.Make(in, it)
			if err != nil {
				t.Fatalf("%s: step %s: %v", name, it.Step.ID, err)
			}
			golden(t, filepath.Join("testdata", "plans", name, string(it.Step.ID)+".txt"), p.Text)
		}
	}
}

func TestAManualStepWantsItsAnswer(t *testing.T) {
	in := releaseInputs(t)
	for _, it := range runbooks.Sequence(in.Book, false) {
		if it.Step.Args[runbooks.ArgAnswer] == "" {
			continue
		}
		in.Values.Text = map[string]string{}
		var e *steps.ErrKind
		if _, err := steps.Make(in, it); !errors.As(err, &e) || !strings.Contains(err.Error(), "has no value") {
			t.Errorf("step %s without its answer: %v", it.Step.ID, err)
		}
	}
}

// TestPaceOfARunningBackfill: only the running job's batches change, within what
// a database can bear.
func TestPaceOfARunningBackfill(t *testing.T) {
	book := releaseInputs(t).Book
	s := steps.New(book, false)
	for s.Walk[s.Pos].Step.Kind != "backfill" {
		s.Pos++
	}
	id := s.Walk[s.Pos].Step.ID
	ev := steps.Evidence{By: "ann", Operator: true}
	apply := func(b audit.Body, seq int64) {
		s = steps.Apply(s, steps.Event{Meta: audit.Meta{By: "ann", Step: string(id), Attempt: 1}, Seq: seq, Body: b})
	}
	if _, err := steps.Decide(s, steps.Pace{Step: id, Rows: 500}, ev); err == nil {
		t.Error("nothing runs, and its batches change")
	}
	apply(entries.StepPlan{Plan: "x", PlanSHA256: "y"}, 1)
	apply(entries.StepIntent{}, 2)
	for rows, want := range map[int]string{0: "a batch of 0 rows", 2000000: "a batch of 2000000 rows"} {
		if _, err := steps.Decide(s, steps.Pace{Step: id, Rows: rows}, ev); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d rows: %v", rows, err)
		}
	}
	if _, err := steps.Decide(s, steps.Pace{Step: "4.3", Rows: 500}, ev); err == nil {
		t.Error("another step's batches change")
	}
	evs, err := steps.Decide(s, steps.Pace{Step: id, Rows: 500}, ev)
	if err != nil || len(evs) != 1 {
		t.Fatalf("%v, %v", evs, err)
	}
	evs[0].Seq = 3
	s = steps.Apply(s, evs[0])
	if got := s.Step(id).Batch; got != 500 {
		t.Errorf("batch %d", got)
	}
	if _, err := steps.Decide(s, steps.Pace{Step: id, Rows: 500}, ev); !errors.Is(err, steps.ErrNothing) {
		t.Errorf("the same again: %v", err)
	}
}
