package runbooks

import (
	"strings"
	"testing"
)

func parsed(t *testing.T, src string) *Runbook {
	t.Helper()
	b, fs := Parse("x.yaml", []byte(src))
	if b == nil {
		t.Fatalf("does not parse: %v", fs)
	}
	return b
}

func shipped(t *testing.T) string {
	t.Helper()
	src, ok := Builtin("postgres-logical")
	if !ok {
		t.Fatal("postgres-logical does not ship")
	}
	return string(src)
}

func TestTheCatalogueLintsClean(t *testing.T) {
	for _, name := range Catalogue() {
		src, _ := Builtin(name)
		b, fs := Parse(name+".yaml", src)
		for _, f := range fs {
			t.Error(f)
		}
		if b == nil {
			continue
		}
		if b.Name != name {
			t.Errorf("file %s holds runbook %s", name, b.Name)
		}
		for _, f := range Lint(b, testCatalog()) {
			t.Error(f)
		}
	}
}

// cut removes a step of the shipped runbook.
func cut(t *testing.T, src, id string) string {
	t.Helper()
	i := strings.Index(src, `  - id: "`+id+`"`)
	if i < 0 {
		t.Fatalf("no step %s", id)
	}
	rest := src[i+4:]
	j := len(rest)
	for _, next := range []string{"\n  - id:", "\n- name:", "\n    - id:", "\nways_back:"} {
		if k := strings.Index(rest, next); k >= 0 {
			j = min(j, k+1)
		}
	}
	return src[:i] + rest[j:]
}

func swap(t *testing.T, src, old, new string) string {
	t.Helper()
	if !strings.Contains(src, old) {
		t.Fatalf("the shipped runbook has no %q", old)
	}
	return strings.Replace(src, old, new, 1)
}

func TestLintRefusesWhatLosesDataInTheWalk(t *testing.T) {
	src := shipped(t)
	rows := []struct{ name, src, want, next string }{
		{"no catchup", cut(t, src, "5.2"), "step 5.5: route without a catchup before it", "put freeze and catchup before it"},
		{"sequences before catchup", cut(t, src, "5.2"), "step 5.4: sequences before catchup", "put it after catchup"},
		{"slot before catchup", cut(t, src, "5.2"), "step 5.3: the reverse slot before freeze and catchup", "put it after freeze"},
		{"no freeze", swap(t, cut(t, src, "5.1"), `until: "5.1"`, `until: "5.2"`), "phase window: a block without freeze or without open", "put freeze"},
		{"no freeze, catchup", swap(t, cut(t, src, "5.1"), `until: "5.1"`, `until: "5.2"`), "step 5.2: catchup before the freeze", "put a freeze of blue"},
		{"no slot", cut(t, src, "5.3"), "step 5.6: open without a reverse slot", "put reverse with stage slot"},
		{"no budget", swap(t, src, "  budget: $budget\n", ""), "freeze in a phase without a budget", "add budget: 20s"},
		{"drop early", swap(t, src, "    kind: sequences\n    stage: margin\n", "    kind: detach\n    stage: drop\n"), "step 4.3: takes the replication down before writes are open", "put it after step 5.6"},
		{"no phrase", swap(t, src, "    phrase: give up the way back to blue\n", ""), "step 7.1: NO RETURN without a phrase", "add phrase"},
		{"one signer", swap(t, src, "    signers: 2\n", ""), "step 7.1: NO RETURN needs a second person", "add signers: 2"},
		{"ahead of no return", swap(t, src, "    signers: 2\n", "    signers: 2\n    ahead: true\n"), "step 7.1: NO RETURN is never approved ahead", "leave ahead out"},
		{"ahead of nobody", swap(t, src, "    kind: catchup\n", "    kind: catchup\n    ahead: true\n"), "step 5.2: ahead without a second signature", "add signers: 2"},
		{"approvers of nothing", swap(t, src, "    kind: catchup\n", "    kind: catchup\n    approvers: [bob]\n"), "step 5.2: approvers without a second signature", "add signers: 2"},
		{"too few approvers", swap(t, src, "    signers: 2\n", "    signers: 3\n    approvers: [bob]\n"), "step 7.1: 1 approvers for 2 signatures", "name more"},
		{"no return in the block", swap(t, src, "    kind: catchup\n    on: green\n    risk: change", "    kind: catchup\n    on: green\n    risk: no_return"), "step 5.2: NO RETURN inside a block", "own phase"},
		{"no undo", swap(t, src, "    undo: \"A1.5\"\n", ""), "step 1.2: CHANGE without undo", "name the steps"},
		{"low risk", swap(t, src, "    kind: freeze\n    on: blue\n    risk: traffic", "    kind: freeze\n    on: blue\n    risk: read"), "step 5.1: kind freeze is at least TRAFFIC", "write risk: traffic"},
		{"unknown kind", swap(t, src, "kind: preflight", "kind: prefight"), `step 1.1: unknown kind "prefight"`, `did you mean "preflight"?`},
		{"unknown stage", swap(t, src, "stage: margin", "stage: margn"), `step 4.3: kind sequences: unknown stage "margn"`, `did you mean "margin"?`},
		{"stage missing", swap(t, src, "    stage: schema\n", ""), "step 2.1: kind seed needs a stage", "add stage: schema"},
		{"unknown gauge", swap(t, src, "green/pending_tables_count", "green/pending_table_count"), `step 2.3: unknown gauge "green/pending_table_count"`, `did you mean "green/pending_tables_count"?`},
		{"unknown engine", swap(t, src, "router: {type: text, default: pgbouncer", "router: {type: text, default: pgbounce"), `target router: unknown engine "pgbounce"`, `did you mean "pgbouncer"?`},
		{"way back too late", swap(t, src, `after: "5.6"`, `after: "6.1"`), "no way back covers the steps after writes are open", "add a way back"},
		{"abandon too late", swap(t, src, `after: "1.2"`, `after: "1.3"`), "no way back covers the steps from the first change", "add a way back"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			fs := Lint(parsed(t, r.src), testCatalog())
			for _, f := range fs {
				if strings.Contains(f.Message, r.want) && strings.Contains(f.Next, r.next) && f.Line > 1 && f.Excerpt != "" {
					return
				}
			}
			t.Errorf("no finding %q, next %q in %v", r.want, r.next, fs)
		})
	}
}

func TestLintReadsTheAuthorsOwnStatements(t *testing.T) {
	rows := []struct{ name, risk, text, more, want string }{
		{"cancel unfiltered", "change", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity", "", "ends every backend"},
		{"cancel filtered", "change", "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = ''client backend''", "", "ends a statement, not a session"},
		{"comment is no filter", "change", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity /* where backend_type */", "", "ends every backend"},
		{"nextval", "read", "SELECT nextval(''s'')", "", "nextval takes a number away"},
		{"curly quote", "read", "SELECT \u2018x\u2019", "", "curly quote"},
		{"written position", "read", "SELECT pg_current_wal_lsn()", "", "a committed row can lie behind it"},
		{"password", "change", "CREATE ROLE x PASSWORD ''abc''", "", "holds a password"},
		{"change as read", "read", "DELETE FROM t", "", "READ with a statement that changes"},
		{"no proof", "change", "CREATE INDEX i ON t (a)", "", "without a proof"},
		{"proof that changes", "change", "CREATE INDEX i ON t (a)", "proof: DELETE FROM t, want: '1'", "the proof changes the server"},
		{"no text", "read", "", "", `kind sql needs the argument "text"`},
		{"fine", "change", "CREATE INDEX IF NOT EXISTS i ON t (a)", "proof: SELECT count(*) FROM pg_indexes WHERE indexname = 'i', want: '1'", ""},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			src := strings.Replace(oneStep(), "kind: probe", "kind: sql", 1)
			src = strings.Replace(src, "risk: read", "risk: "+r.risk, 1)
			args := "    undo_reason: nothing to undo\n    args: {text: '" + r.text + "'"
			if r.more != "" {
				args += ", " + r.more
			}
			fs := Lint(parsed(t, src+args+"}\n"), testCatalog())
			if r.want == "" {
				if len(fs) > 0 {
					t.Error(fs)
				}
				return
			}
			for _, f := range fs {
				if strings.Contains(f.Message, r.want) {
					return
				}
			}
			t.Errorf("no finding %q in %v", r.want, fs)
		})
	}
}
