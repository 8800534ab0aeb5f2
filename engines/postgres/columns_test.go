package postgres_test

import (
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// TestWayBackLeavesOutWhatBlueLacks: green gets columns, a table and a
// partition of its own; names are quoted and mixed; columns are generated on
// either side. Rows written on green arrive on blue, and the way back goes on.
func TestWayBackLeavesOutWhatBlueLacks(t *testing.T) {
	t.Parallel()
	l := labtest.Pair(t, lab.Options{})
	do := func(p *lab.Postgres, texts ...string) {
		t.Helper()
		if err := p.Exec(t.Context(), "app", append([]string{"set role app"}, texts...)...); err != nil {
			t.Fatal(err)
		}
	}
	do(l.Blue, `create schema "Odd ""one""; --"`,
		`create table "Odd ""one""; --"."It's \""%I" ("Key" int primary key, "a, b" text, "sum (x)" int generated always as ("Key" * 2) stored)`,
		`create table public.parts (id int not null, at int not null, v text, primary key (id, at)) partition by range (at)`,
		`create table public.parts_1 partition of public.parts for values from (0) to (100)`,
		`create table "Billing".parts_2 partition of public.parts for values from (100) to (200)`,
		`create table public.whole (id int primary key, j json)`, `alter table public.whole replica identity full`,
		`insert into "Odd ""one""; --"."It's \""%I" values (1, 'blue')`, `insert into public.parts values (1, 1, 'blue'), (2, 150, 'blue')`,
		`insert into public.whole values (1, '{"a": 1}')`)
	w := newWalker(t, l)
	w.build()
	// The application's new version is prepared on green.
	do(l.Green, `alter table "Odd ""one""; --"."It's \""%I" add "New, ""col""" text default 'green'`, `alter table public.parts add extra int default 7`,
		`alter table public.accounts add "Note" text`, `create table public.only_green (id serial primary key)`,
		`alter table public.orders add twice numeric generated always as (amount * 2) stored`)
	do(l.Blue, `update public.whole set j = '{"a": 2}'`, `insert into "Odd ""one""; --"."It's \""%I" values (2, 'blue')`)
	w.ready()
	w.unhindered("blue", "green")
	w.window("blue", "green")
	do(l.Green, `insert into "Odd ""one""; --"."It's \""%I" ("Key", "a, b", "New, ""col""") values (3, 'green', 'x')`, `update "Odd ""one""; --"."It's \""%I" set "a, b" = 'changed' where "Key" = 1`,
		`insert into public.parts values (3, 5, 'green', 1), (4, 160, 'green', 2)`, `delete from public.parts where id = 1`, `update public.accounts set "Note" = 'n', balance = 5 where id = 1`,
		`insert into public.only_green values (1)`, `update public.whole set j = '{"a": 3}'`, `insert into public.orders (client, seq, amount) values (77, 1, 3)`)
	w.step("detach", "disable", "green", "blue", "green")
	w.attempt++
	w.untilGauge("blue/rev_worker_state", "blue", "green", func(r engines.Reading) bool { return r.Text == "running" })
	w.step("reverse", "publish", "blue", "green", "blue")
	w.step("reverse", "define", "green", "green", "blue")
	w.step("capture", "", "green", "green", "blue")
	w.window("green", "blue")
	for _, row := range []struct{ sql, want string }{
		{`select string_agg("Key" || "a, b" || "sum (x)", ' ' order by "Key") from "Odd ""one""; --"."It's \""%I"`, "1changed2 2blue4 3green6"},
		{`select string_agg(id || v, ' ' order by id) from public.parts`, "2blue 3green 4green"},
		{`select balance from public.accounts where id = 1`, "5"},
		{`select j::text from public.whole`, `{"a": 3}`},
		{`select count(*) from public.orders where client = 77`, "1"},
	} {
		if got := one(t, l.BlueDSN(), row.sql); got != row.want {
			t.Errorf("%s: %s, want %s", row.sql, got, row.want)
		}
	}
	w.takeDown(l)
}

// TestWayBackThatCannotBeIsRefused: what a column list cannot leave out is
// found before the window, and nothing is made.
func TestWayBackThatCannotBeIsRefused(t *testing.T) {
	s := newSides(t, 15, 17)
	blue, green := open(t, s.db["blue"].DSN), open(t, s.db["green"].DSN)
	plan := func(major int) engines.Parts {
		return planned(t, engines.Request{Kind: "reverse", Stage: "publish", Run: "r", Attempt: 1, On: "green", From: "blue", To: "green",
			Known: map[engines.TargetID]engines.Identity{"blue": {Major: 15}, "green": {Major: major}}})
	}
	stuck := func(major int) string {
		t.Helper()
		p := plan(major)
		res, err := blue.Do(t.Context(), engines.Statement{Text: p.Actions[0].Text})
		if err != nil {
			t.Fatal(err)
		}
		res, err = green.Do(t.Context(), engines.Statement{Text: p.Actions[1].Proof.Text, Args: []string{*res.Rows[0][0]}})
		if err != nil {
			t.Fatal(err)
		}
		n, _ := res.First()
		return n
	}
	for _, id := range []engines.TargetID{"blue", "green"} {
		s.exec(id, keyed, "create table public.u (id int primary key, n int)")
	}
	if n := stuck(17); n != "0" {
		t.Errorf("equal sides: %s tables", n)
	}
	for _, row := range []struct {
		name, do, undo string
		major          int
		want           string
	}{
		{"a list leaves it out", "alter table public.t add extra int", "alter table public.t drop extra", 17, "0"},
		{"no lists before 15", "alter table public.t add extra int", "alter table public.t drop extra", 14, "1"},
		{"identity is the whole row", "alter table public.t add extra int; alter table public.t replica identity full", "alter table public.t drop extra; alter table public.t replica identity default", 17, "1"},
		{"the column is in the key", "alter table public.t add extra int; alter table public.t drop constraint t_pkey; alter table public.t add primary key (id, extra)",
			"alter table public.t drop extra; alter table public.t add primary key (id)", 17, "1"},
		{"plain there, generated here", "alter table public.u drop n; alter table public.u add n int generated always as (id * 2) stored", "select 1", 17, "1"},
	} {
		s.exec("green", row.do)
		if n := stuck(row.major); n != row.want {
			t.Errorf("%s: %s tables, want %s", row.name, n, row.want)
		}
		s.exec("green", row.undo)
	}
	// Without the other side's columns in the session nothing is made.
	if _, err := green.Do(t.Context(), engines.Statement{Text: plan(17).Actions[3].Text}); green.Classify(err) != engines.Refused {
		t.Errorf("publication without columns: %v", err)
	}
}
