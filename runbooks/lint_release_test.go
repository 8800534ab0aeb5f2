package runbooks

import (
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// sharedBook is the smallest release on a shared database that lints clean.
const sharedBook = `
name: x
title: x
targets:
  db: {engine: postgres, colour: blue, dsn: {env: D}}
  router: {engine: haproxy, dsn: {env: R}}
colours:
  blue: {role: shop_blue}
  turquoise: {role: shop_turquoise}
  green: {role: shop_green}
schema:
  on: db
  router: router
  table: shop.customer
  key: id
  old: [column name]
  new: [column family_name]
  both: [trigger customer_sync]
  map:
    up: {family_name: "tq.up(name)"}
    down: {name: "tq.down(family_name)"}
  filled: family_name
phases:
- name: turquoise live
  edge: S0-S1
  steps:
  - {id: "1.1", title: deploy, kind: manual, on: db, risk: read}
- name: traffic
  edge: S1-S2
  steps:
  - id: "2.1"
    title: traffic
    kind: shift
    on: router
    from: blue
    to: turquoise
    risk: traffic
    before:
    - {gauge: db/conflicts_count, op: "==", want: 0}
    - {gauge: db/release_state, op: "==", want: S1}
    - {gauge: router/turquoise_health, op: "==", want: up}
    undo: "A1.2"
- name: expand
  edge: S2-S3
  steps:
  - id: "3.1"
    title: columns
    kind: ddl
    on: db
    risk: change
    before: [{gauge: db/conflicts_count, op: "==", want: 0}]
    args: {text: "ALTER TABLE shop.customer ADD COLUMN family_name text", leaves: column family_name text, lock_timeout: 200ms, attempts: 10}
    undo: "A1.1"
- name: migrate
  edge: S3-S4
  steps:
  - id: "4.1"
    title: fill
    kind: backfill
    on: db
    risk: change
    before: [{gauge: db/conflicts_count, op: "==", want: 0}]
    args: {batch: 1000, checkpoint: tq.progress}
    undo: "A1.1"
- name: contract
  edge: S4-S5
  steps:
  - {id: "5.1", title: green, kind: manual, on: db, risk: read}
- name: gone
  edge: S5-S6
  steps:
  - id: "6.1"
    title: contract
    kind: ddl
    on: db
    risk: no_return
    phrase: contract shop.customer
    signers: 2
    before:
    - {gauge: db/conflicts_count, op: "==", want: 0}
    - {gauge: db/release_state, op: "==", want: S5}
    args: {text: "ALTER TABLE shop.customer DROP COLUMN name", leaves: no column name, lock_timeout: 200ms, attempts: 10}
ways_back:
- name: down
  title: down
  after: "1.1"
  until: "6.1"
  loses: nothing
  ends: blue
  phases:
  - name: from green
    number: 1
    edge: S5-S0
    steps:
    - {id: "A1.1", title: x, kind: ddl, on: db, risk: change, undo: none, undo_reason: x, args: {text: "ALTER TABLE shop.customer DROP COLUMN family_name", leaves: no column family_name, lock_timeout: 200ms}}
    - {id: "A1.2", title: x, kind: manual, on: db, risk: read}
`

func TestASharedDatabaseLintsClean(t *testing.T) {
	b := parsed(t, sharedBook)
	for _, f := range Lint(b, testCatalog()) {
		t.Error(f)
	}
	c := b.Change
	if r, ok := c.Role(engines.Green); !ok || r != "shop_green" || len(c.Up) != 1 || c.Down[0].Expr != "tq.down(family_name)" || c.Both[0].Kind != "trigger" {
		t.Errorf("the schema reads as %+v", c)
	}
	if e, ok := b.Phases[2].Edge, true; e != "S2-S3" || !ok {
		t.Errorf("edge %q", e)
	}
}

func TestLintOfASharedDatabase(t *testing.T) {
	add := "ALTER TABLE shop.customer ADD COLUMN family_name text"
	for name, tt := range map[string]struct{ old, new, want string }{
		"drop in expand":        {add, "ALTER TABLE shop.customer DROP COLUMN note", "DROP while turquoise expands"},
		"rename":                {add, "ALTER TABLE shop.customer RENAME COLUMN a TO b", "RENAME takes"},
		"type":                  {add, "ALTER TABLE shop.customer ALTER COLUMN a TYPE bigint", "change of type"},
		"not null column":       {add, "ALTER TABLE shop.customer ADD COLUMN family_name text NOT NULL", "refuses the writes"},
		"set not null":          {add, "ALTER TABLE shop.customer ALTER COLUMN a SET NOT NULL", "SET NOT NULL"},
		"computed default":      {add, "ALTER TABLE shop.customer ADD COLUMN family_name text DEFAULT gen_random_uuid()", "default that is computed"},
		"cascade":               {add, "ALTER TABLE shop.customer DROP COLUMN a CASCADE", "CASCADE"},
		"plain index":           {add, "CREATE INDEX i ON shop.customer (a)", "CREATE INDEX blocks"},
		"index if not exists":   {add, "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON shop.customer (a)", "invalid one for done"},
		"constraint at once":    {add, "ALTER TABLE shop.customer ADD CONSTRAINT c CHECK (a > 0)", "checked at once"},
		"index with a timeout":  {add, "CREATE INDEX CONCURRENTLY i ON shop.customer (a)", "leaves an invalid index"},
		"no lock timeout":       {"lock_timeout: 200ms, attempts: 10}\n    undo: \"A1.1\"", "attempts: 10}\n    undo: \"A1.1\"", "without a lock timeout"},
		"two statements":        {add, add + "; SELECT 1", "2 statements in one step"},
		"a wrong lock timeout":  {"lock_timeout: 200ms, attempts", "lock_timeout: soon, attempts", "is no time"},
		"what is left":          {"leaves: column family_name text", "leaves: table", "leaves:"},
		"no checkpoint":         {", checkpoint: tq.progress", "", "without a checkpoint"},
		"nobody keeps both":     {"  both: [trigger customer_sync]\n", "", "right only if the application writes both"},
		"no batch":              {"batch: 1000", "batch: many", "no number of rows"},
		"no down":               {`down: {name: "tq.down(family_name)"}`, `down: {}`, "nothing makes the old column name"},
		"no up":                 {`up: {family_name: "tq.up(name)"}`, `up: {first_name: "x"}`, `"first_name" is no new column`},
		"filled by nobody":      {"filled: family_name", "filled: given_name", "nothing fills"},
		"no down edge":          {"edge: S5-S0", "edge: S3-S0", "no way back leads down from S5 to S4"},
		"a skipped state":       {"edge: S2-S3", "edge: S2-S4", "skips a state"},
		"no such state":         {"edge: S2-S3", "edge: S2-S9", "no way between two states"},
		"the contract by one":   {"signers: 2\n    before", "signers: 1\n    before", "no way back from it"},
		"the contract, change":  {"risk: no_return\n    phrase: contract shop.customer", "risk: change\n    undo: \"A1.1\"", "no way back from it"},
		"no health gate":        {"    - {gauge: router/turquoise_health, op: \"==\", want: up}\n", "", "healthy"},
		"no state gate":         {"    - {gauge: db/release_state, op: \"==\", want: S1}\n", "", "state of the release"},
		"no conflict gate":      {"    - {gauge: db/conflicts_count, op: \"==\", want: 0}\n    - {gauge: db/release_state, op: \"==\", want: S1}", "    - {gauge: db/release_state, op: \"==\", want: S1}", "contradictions"},
		"no role":               {"blue: {role: shop_blue}", "blue: {}", "blue has no role of its own"},
		"a colour nobody knows": {"  blue: {role: shop_blue}", "  violet: {role: shop_blue}", `unknown colour "violet"`},
		"no such target":        {"  on: db\n  router: router", "  on: dv\n  router: router", `unknown target "dv"`},
		"mysql, no algorithm":   {"engine: postgres", "engine: mysql", "without ALGORITHM"},
		"old shape, way back":   {"DROP COLUMN family_name\", leaves", "DROP COLUMN name\", leaves", "a way back drops column name"},
		"a state in the schema": {"old: [column name]", "old: [column name text]", "here it is named alone"},
	} {
		src := strings.Replace(sharedBook, tt.old, tt.new, 1)
		if src == sharedBook {
			t.Fatalf("%s: nothing was changed", name)
		}
		b, fs := Parse("x.yaml", []byte(src))
		if b != nil {
			fs = append(fs, Lint(b, testCatalog())...)
		}
		if !slices.ContainsFunc(fs, func(f Finding) bool { return strings.Contains(f.Message, tt.want) && f.Next != "" && f.Line > 0 }) {
			t.Errorf("%s: no finding says %q: %v", name, tt.want, fs)
		}
	}
}

// TestLintOfASharedMySQL: the server takes a copy of the table for granted unless
// the statement forbids it, waits in whole seconds, and commits each change of
// the catalog by itself.
func TestLintOfASharedMySQL(t *testing.T) {
	add := "ALTER TABLE shop.customer ADD COLUMN family_name text"
	for name, tt := range map[string]struct{ text, rest, want string }{
		"no algorithm":     {add, "lock_timeout: 1s", "without ALGORITHM"},
		"a copy":           {add + ", ALGORITHM=COPY", "lock_timeout: 1s", "blocks writers for as long as it copies"},
		"a lock":           {"CREATE INDEX i ON shop.customer (a) ALGORITHM=INPLACE", "lock_timeout: 1s", "without LOCK=NONE"},
		"a part of a sec.": {add + ", ALGORITHM=INSTANT", "lock_timeout: 200ms", "whole seconds"},
		"index, no wait":   {"CREATE INDEX i ON shop.customer (a) ALGORITHM=INPLACE LOCK=NONE", "attempts: 2", "without a lock timeout"},
		"one transaction":  {add + ", ALGORITHM=INSTANT", `transaction: true, lock_timeout: 1s`, "commits by itself"},
		"two, one object":  {add + ", ALGORITHM=INSTANT; DROP TRIGGER t", "lock_timeout: 1s", "2 statements and 1 objects"},
		"sound":            {add + ", ALGORITHM=INSTANT", "lock_timeout: 1s", ""},
	} {
		src := strings.Replace(sharedBook, "engine: postgres", "engine: mysql", 1)
		src = strings.Replace(src, add, tt.text, 1)
		src = strings.Replace(src, "lock_timeout: 200ms, attempts: 10}\n    undo: \"A1.1\"", tt.rest+"}\n    undo: \"A1.1\"", 1)
		line := 1 + strings.Count(src[:strings.Index(src, "leaves: column family_name text")], "\n")
		fs := slices.DeleteFunc(Lint(parsed(t, src), testCatalog()), func(f Finding) bool { return f.Line != line })
		found := slices.ContainsFunc(fs, func(f Finding) bool { return strings.Contains(f.Message, tt.want) && f.Next != "" })
		if found != (tt.want != "") || tt.want == "" && len(fs) > 0 {
			t.Errorf("%s: want a finding that says %q: %v", name, tt.want, fs)
		}
	}
}

func TestKindsOfASharedDatabaseNeedASchema(t *testing.T) {
	src := strings.Replace(shipped(t), "kind: preflight", "kind: roundtrip", 1)
	fs := Lint(parsed(t, src), testCatalog())
	if !slices.ContainsFunc(fs, func(f Finding) bool { return strings.Contains(f.Message, "is for a database that versions") }) {
		t.Errorf("got %v", fs)
	}
}

func TestStatements(t *testing.T) {
	text := `CREATE FUNCTION f(a text) RETURNS text LANGUAGE sql AS $$ SELECT ';' || a; $$;
-- a comment; with a semicolon
CREATE FUNCTION g() RETURNS int LANGUAGE sql AS $x$ SELECT 1; $x$; /* ; */
GRANT USAGE ON SCHEMA tq TO "a;b"; ;
-- nothing
`
	got := Statements(text)
	if len(got) != 3 || !strings.HasPrefix(got[1], "-- a comment") || got[2] != `/* ; */
GRANT USAGE ON SCHEMA tq TO "a;b"` {
		t.Errorf("%d statements: %q", len(got), got)
	}
	body := `CREATE TRIGGER t BEFORE UPDATE ON x FOR EACH ROW
BEGIN
  DECLARE a INT;
  IF NEW.a <=> 1 THEN SET NEW.b = CASE WHEN NEW.c THEN 1 ELSE 2 END, NEW.d = IF(NEW.e, 1, 2); END IF;
  CASE NEW.a WHEN 1 THEN SET NEW.b = 1; END CASE;
  WHILE a < 3 DO SET a = a + 1; BEGIN SET a = a; END; END WHILE;
END`
	if got := Statements(body + ";\nDROP TRIGGER u; BEGIN; UPDATE t SET a = `;`; COMMIT"); len(got) != 5 || got[0] != body || got[3] != "UPDATE t SET a = `;`" {
		t.Errorf("a trigger's body: %d statements: %q", len(got), got)
	}
	if w := bare(got[0]); strings.Contains(w, "SELECT") {
		t.Errorf("the body of a function is left: %q", w)
	}
}
