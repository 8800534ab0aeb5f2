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

func shipped(t *testing.T) string { return shippedAs(t, "postgres-logical") }

func shippedAs(t *testing.T, name string) string {
	t.Helper()
	src, ok := Builtin(name)
	if !ok {
		t.Fatalf("%s does not ship", name)
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

func TestLintRefusesGatesThatProveNothing(t *testing.T) {
	src := strings.Replace(shippedAs(t, "mysql-binlog"), "- {gauge: blue/lag_seconds, op: \"<\", want: 2s, for: $calm}", "- GATE", 1)
	for _, r := range []struct{ gate, want string }{
		{`{gauge: green/seconds_behind, op: "==", want: 0}`, "says 0 while the line is dead"},
		{`{gauge: blue/lag_seconds, op: "==", want: 0s, for: 10m}`, "a lag of exactly 0"},
	} {
		fs := Lint(parsed(t, strings.Replace(src, "GATE", r.gate, 1)), testCatalog())
		if len(fs) == 0 || !strings.Contains(fs[0].Message, r.want) || fs[0].Next == "" {
			t.Errorf("%s: %v", r.gate, fs)
		}
	}
}

// TestLintRefusesWhatLosesDataOverABinaryLog: the same order as with slots.
func TestLintRefusesWhatLosesDataOverABinaryLog(t *testing.T) {
	src := shippedAs(t, "mysql-binlog")
	for _, r := range []struct{ name, src, want, next string }{
		{"no catchup", cut(t, src, "5.2"), "step 5.3: the way back is started before freeze and catchup", "put it after freeze"},
		{"no way back", cut(t, src, "5.3"), "step 5.6: open without a reverse start", "put reverse with stage start"},
		{"counters before catchup", cut(t, src, "5.2"), "step 5.4: sequences before catchup", "put it after catchup"},
		{"forgotten before the switch", swap(t, src, "    kind: quiet\n    stage: \"on\"\n    on: blue", "    kind: detach\n    stage: drop\n    on: green"), "step 4.3: takes the replication down", "put it after step 5.6"},
	} {
		found := false
		for _, f := range Lint(parsed(t, r.src), testCatalog()) {
			found = found || strings.Contains(f.Message, r.want) && strings.Contains(f.Next, r.next)
		}
		if !found {
			t.Errorf("%s: no finding %q in %v", r.name, r.want, Lint(parsed(t, r.src), testCatalog()))
		}
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
		{"log of statements", "change", "SET GLOBAL binlog_format = ''MIXED''", "", "a log of statements"},
		{"half rows", "change", "SET GLOBAL binlog_row_image = minimal", "", "a log without whole rows"},
		{"skip an error", "change", "SET GLOBAL sql_replica_skip_counter = 1", "", "skips what replication stopped at"},
		{"skip on RDS", "change", "CALL mysql.rds_skip_repl_error", "", "skips what replication stopped at"},
		{"reset before the switch", "change", "RESET REPLICA ALL", "", "forgets where replication stands"},
		{"reset on RDS", "change", "CALL mysql.rds_reset_external_master", "", "forgets where replication stands"},
		{"log thrown away", "change", "RESET BINARY LOGS AND GTIDS", "", "throws the binary log away"},
		{"read_only as a freeze", "change", "SET GLOBAL read_only = ON", "", "read_only alone is no freeze"},
		{"read_only on RDS", "change", "CALL mysql.rds_set_read_only(1)", "", "read_only alone is no freeze"},
		{"read_only off is none", "change", "SET GLOBAL read_only = OFF", "proof: SELECT @@read_only, want: '0'", ""},
		{"lock of a connection", "change", "FLUSH TABLES WITH READ LOCK", "", "gone with the connection"},
		{"empty wait", "read", "SELECT WAIT_FOR_EXECUTED_GTID_SET('''', 30)", "", "answers at once"},
		{"counter set", "change", "ALTER TABLE t AUTO_INCREMENT = 7", "", "takes it down to the highest row"},
		{"counter of a new table", "change", "CREATE TABLE t (a INT) AUTO_INCREMENT = 7", "proof: SELECT 1, want: '1'", ""},
		{"unlogged", "change", "SET SESSION sql_log_bin = 0", "", "reaches no replica"},
		{"drop without a host", "change", "DROP USER repl", "", "without a host"},
		{"drop with a host", "change", "DROP USER IF EXISTS ''repl''@''10.0.%''", "proof: SELECT 1, want: '1'", ""},
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
