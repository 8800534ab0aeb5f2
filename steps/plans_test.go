package steps_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/pgbouncer"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/steps"
)

var update = flag.Bool("update", false, "write the golden plans anew")

// catalogueInputs are the fixed servers and values that golden plans are made from.
func catalogueInputs(t *testing.T) steps.Inputs {
	t.Helper()
	src, ok := runbooks.Builtin("postgres-logical")
	if !ok {
		t.Fatal("the catalogue has no postgres-logical")
	}
	book, fs := runbooks.Parse("postgres-logical.yaml", src)
	if book == nil {
		t.Fatalf("parse: %v", fs)
	}
	v, fs := runbooks.Resolve(book, map[string]string{
		"blue_conninfo":  "host=orders-blue port=5432 dbname=app user=repl sslmode=verify-full",
		"green_conninfo": "host=orders-green port=5432 dbname=app user=repl sslmode=verify-full",
	}, func(n string) (string, bool) { return "/etc/pgbouncer/databases.ini", n == "TURQUOISE_ROUTER_FILE" })
	if runbooks.Refused(fs) {
		t.Fatalf("resolve: %v", fs)
	}
	b := *book
	b.Digest = "the-digest-of-the-runbook" // a comment in the runbook must not change 60 files
	b.Targets = append([]runbooks.Target(nil), book.Targets...)
	for i, tg := range b.Targets {
		b.Targets[i].Params = v.Targets[tg.ID]
		if tg.ID == "router" {
			b.Targets[i].Engine = pgbouncer.Name
		}
	}
	pg := func(version, host, system string, major int) engines.Identity {
		return engines.Identity{Engine: "postgres", Version: version, Major: major, System: system, Host: host, Port: 5432,
			Database: "app", Login: "turquoise", Started: "2026-03-01 00:00:00+00", Writable: true}
	}
	return steps.Inputs{
		Book: &b, Values: v, Run: "s7f2", Attempt: 1,
		Planners: map[string]engines.Planner{postgres.Name: postgres.Engine().Planner, pgbouncer.Name: pgbouncer.Engine().Planner},
		Known: map[engines.TargetID]engines.Identity{
			"blue": pg("15.20", "orders-blue", "7310000000000000001", 15), "green": pg("17.12", "orders-green", "7310000000000000002", 17),
			"router": {Engine: "pgbouncer", Version: "1.25.1", System: "router", Host: "orders-router", Port: 6432, Database: "pgbouncer", Login: "turquoise"},
		},
		Vars: map[string]string{"router_lines": `["app = host=orders-blue port=5432 dbname=app"]`},
	}
}

// walks are all ways that lead through the runbook.
func walks(b *runbooks.Runbook) map[string][]runbooks.Item {
	out := map[string][]runbooks.Item{}
	for _, stepwise := range []bool{false, true} {
		dir := map[bool]string{false: "block", true: "stepwise"}[stepwise]
		out[dir] = runbooks.Sequence(b, stepwise)
		for _, w := range b.Back {
			out[dir] = append(out[dir], runbooks.SequenceBack(w, stepwise)...)
		}
	}
	return out
}

// TestGoldenPlans shows in a diff what a change of the program would send to a
// server. A file of a step that is not in the runbook any more fails too.
func TestGoldenPlans(t *testing.T) {
	for name, in := range catalogueBooks(t) {
		for dir, items := range walks(in.Book) {
			want := map[string]bool{}
			for _, it := range items {
				t.Run(name+"/"+dir+"/"+string(it.Step.ID), func(t *testing.T) {
					p, err := steps.Make(in, it)
					if err != nil {
						t.Fatal(err)
					}
					again, err := steps.Make(in, it)
					if err != nil || again.Text != p.Text || again.Digest != p.Digest {
						t.Errorf("the same inputs gave another plan (%v)", err)
					}
					golden(t, filepath.Join("testdata", "plans", name, dir, string(it.Step.ID)+".txt"), p.Text)
				})
				want[string(it.Step.ID)+".txt"] = true
			}
			files, err := os.ReadDir(filepath.Join("testdata", "plans", name, dir))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if !want[f.Name()] {
					t.Errorf("%s/%s/%s is of a step that does not exist", name, dir, f.Name())
				}
			}
		}
	}
}

// TestEachEffectCanBeSeen: after a crash nothing but a proof says whether a
// statement took effect. One without a proof, that asks for nothing either, would
// leave its step unclear until a person decides.
func TestEachEffectCanBeSeen(t *testing.T) {
	for name, in := range catalogueBooks(t) {
		for dir, items := range walks(in.Book) {
			for _, it := range items {
				p, err := steps.Make(in, it)
				if err != nil {
					t.Fatal(err)
				}
				for part, as := range map[string][]engines.Action{"action": p.Parts.Actions, "abort": p.Parts.Abort, "undo": p.Parts.Undo} {
					for i, a := range as {
						if a.Verb != engines.Manual && a.Verb != engines.Compare && a.Proof == nil && len(a.Captures) == 0 {
							t.Errorf("%s/%s/%s: %s %d (%s) has neither proof nor capture:\n%s", name, dir, it.Step.ID, part, i+1, a.Title, a.Text)
						}
					}
				}
			}
		}
	}
}

// catalogueBooks are the runbooks that ship, each for the servers that it serves.
func catalogueBooks(t *testing.T) map[string]steps.Inputs {
	t.Helper()
	return map[string]steps.Inputs{"postgres-logical": catalogueInputs(t),
		"mysql-binlog-mysql": binlogInputs(t, "mysql", "9.7.4"), "mysql-binlog-mariadb": binlogInputs(t, "mariadb", "10.11.19"),
		"varnish-blue-green": varnishInputs(t)}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%v: differs from %s; look at the change, then write it with -update:\n%s", err, file, got)
	}
}

// TestEachKindHasAPlan: a kind that no runbook uses has never been looked at.
func TestEachKindHasAPlan(t *testing.T) {
	used := map[string]bool{"sql": true} // the author's own statement: TestAnAuthorsStatement
	for _, in := range catalogueBooks(t) {
		for _, items := range walks(in.Book) {
			for _, it := range items {
				used[it.Step.Kind] = true
			}
		}
	}
	for _, it := range runbooks.Sequence(releaseInputs(t).Book, false) {
		used[it.Step.Kind] = true
	}
	for _, k := range steps.Kinds() {
		if !used[k.Name] {
			t.Errorf("kind %s is in no golden plan", k.Name)
		}
		if k.Doc == "" {
			t.Errorf("kind %s says nothing about itself", k.Name)
		}
	}
}

func TestAnAuthorsStatement(t *testing.T) {
	in := catalogueInputs(t)
	it := runbooks.Item{Step: runbooks.Step{ID: "1.9", Title: "Own", Kind: "sql", On: "green", Risk: runbooks.Change, Args: map[string]string{
		"text": "ALTER TABLE t\naction: 2 blue sql", "proof": "SELECT 1", "want": "1", "undo_text": "ALTER TABLE u"}}}
	p, err := steps.Make(in, it)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "plans", "sql.txt"), p.Text)
}

// TestTheDigestCoversWhatIsBound: another server, another word, another attempt
// or another statement is another plan.
func TestTheDigestCoversWhatIsBound(t *testing.T) {
	in := catalogueInputs(t)
	var it runbooks.Item
	for _, i := range runbooks.Sequence(in.Book, false) {
		if len(i.Parts) > 0 {
			it = i
		}
	}
	base, err := steps.Make(in, it)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*steps.Inputs, *runbooks.Item){
		"server": func(in *steps.Inputs, _ *runbooks.Item) {
			known := map[engines.TargetID]engines.Identity{}
			for k, v := range in.Known {
				known[k] = v
			}
			g := known["green"]
			g.System = "7310000000000000003"
			known["green"] = g
			in.Known = known
		},
		"attempt": func(in *steps.Inputs, _ *runbooks.Item) { in.Attempt = 2 },
		"run":     func(in *steps.Inputs, _ *runbooks.Item) { in.Run = "s7f3" },
		"runbook": func(in *steps.Inputs, _ *runbooks.Item) { b := *in.Book; b.Digest = "other"; in.Book = &b },
		"word":    func(_ *steps.Inputs, it *runbooks.Item) { it.Step.Word = "other" },
		"budget":  func(_ *steps.Inputs, it *runbooks.Item) { it.Budget++ },
		"lines": func(in *steps.Inputs, _ *runbooks.Item) {
			in.Vars = map[string]string{"router_lines": `["app = host=orders-blue port=5432 dbname=app pool_size=9"]`}
		},
	} {
		in2, it2 := in, it
		change(&in2, &it2)
		p, err := steps.Make(in2, it2)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Digest == base.Digest {
			t.Errorf("another %s, the same digest", name)
		}
	}
}
