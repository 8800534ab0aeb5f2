package compare_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/compare"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

func TestMain(m *testing.M) { os.Exit(labtest.Main(m)) }

// duo is a database on each of two versions.
type duo struct {
	t  testing.TB
	db [2]labtest.DB
	do [2]*pgx.Conn
}

func newDuo(t testing.TB) *duo {
	t.Helper()
	d := &duo{t: t}
	for i, major := range []int{15, 17} {
		d.db[i] = labtest.Postgres(t, major)
		conn, err := pgx.Connect(t.Context(), d.db[i].DSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		d.do[i] = conn
	}
	return d
}

func (d *duo) exec(i int, sql string, args ...any) {
	d.t.Helper()
	if len(args) == 0 {
		args = []any{pgx.QueryExecModeSimpleProtocol}
	}
	if _, err := d.do[i].Exec(d.t.Context(), sql, args...); err != nil {
		d.t.Fatalf("side %d: %v\n%.300s", i, err, sql)
	}
}

func (d *duo) both(sql string) { d.t.Helper(); d.exec(0, sql); d.exec(1, sql) }

func (d *duo) options() compare.Options {
	open := func(i int) compare.Open {
		return func(ctx context.Context) (engines.Comparer, error) {
			return postgres.OpenComparer(engines.OpenRequest{Ctx: ctx, Target: []engines.TargetID{"blue", "green"}[i], DSN: d.db[i].DSN, Run: "r1", Person: "ann"})
		}
	}
	return compare.Options{Blue: open(0), Green: open(1), Digests: postgres.Digests, Now: time.Now, Settle: 5 * time.Second, Samples: 1000}
}

func (d *duo) run(o compare.Options) tablediff.Report {
	d.t.Helper()
	r, err := compare.Run(d.t.Context(), o)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func tableOf(t *testing.T, r tablediff.Report, name string) tablediff.TableReport {
	t.Helper()
	for _, x := range r.Tables {
		if x.Table == "public."+name {
			return x
		}
	}
	t.Fatalf("no report of %s: %+v", name, r)
	return tablediff.TableReport{}
}

const fourTables = `CREATE TABLE big (id bigint PRIMARY KEY, n numeric, at timestamptz, note text);
CREATE TABLE far (id uuid PRIMARY KEY, n int); CREATE TABLE pair (region text, no int, v text, PRIMARY KEY (region, no)); CREATE TABLE bare (a int, b text);
CREATE TABLE parts (id int, day date, v text, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);`

func fill(d *duo, rows int) {
	d.both(fourTables)
	// The partitions are cut differently on the two sides.
	d.exec(0, "CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-07-01'); CREATE TABLE p2 PARTITION OF parts FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')")
	d.exec(1, "CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
	d.both(fmt.Sprintf(`INSERT INTO big SELECT g * 3, g / 7.0, timestamptz '2026-01-01' + g * interval '1 s', md5(g::text) FROM generate_series(1, %d) g;
INSERT INTO far SELECT md5(g::text)::uuid, g FROM generate_series(1, %d) g;
INSERT INTO pair SELECT 'r' || g %% 50, g, 'v' || g FROM generate_series(1, %d) g; INSERT INTO bare SELECT g, 'x' FROM generate_series(1, 3000) g;
INSERT INTO parts SELECT g, date '2026-01-01' + g %% 365, 'v' FROM generate_series(1, 2000) g`, rows, rows/2, rows/4))
	d.both("ANALYZE")
}

// TestEqualSidesAreEqual compares versions that hold the same.
func TestEqualSidesAreEqual(t *testing.T) {
	d := newDuo(t)
	fill(d, 150_000)
	for _, strength := range []engines.Strength{engines.Sum64, engines.Cryptographic} {
		o := d.options()
		o.Strength, o.DataOnly = strength, true
		var last tablediff.Progress
		o.Progress = func(p tablediff.Progress) { last = p }
		r := d.run(o)
		if r.Verdict != tablediff.Equal || r.Rows != 150_000+75_000+37_500+3000+2000 {
			t.Errorf("strength %d: %s, %s, %d rows: %+v", strength, r.Verdict, r.Why, r.Rows, r.Notes)
		}
		if big := tableOf(t, r, "big"); big.Parts < 2 {
			t.Errorf("the large table was read in %d part", big.Parts)
		}
		if last.Phase == "" {
			t.Error("no progress was told")
		}
	}
}

// TestEveryCorruptionIsFound plants faults at random keys of every sort of table
// and wants each back with its key and class.
func TestEveryCorruptionIsFound(t *testing.T) {
	d := newDuo(t)
	const rows = 200_000
	fill(d, rows)
	want := map[string]string{}
	for n, at := range rand.Perm(rows)[:50] {
		g := at + 1
		switch n % 5 {
		case 0:
			d.exec(1, fmt.Sprintf("DELETE FROM big WHERE id = %d", g*3))
			want[fmt.Sprintf("big %d", g*3)] = "missing"
		case 1:
			d.exec(1, fmt.Sprintf("UPDATE big SET n = n + 1 WHERE id = %d", g*3))
			want[fmt.Sprintf("big %d", g*3)] = "different"
		case 2:
			d.exec(1, fmt.Sprintf("INSERT INTO big VALUES (%d, 1, now(), 'new')", g*3+1))
			want[fmt.Sprintf("big %d", g*3+1)] = "extra"
		case 3:
			g = g%(rows/2) + 1
			d.exec(1, fmt.Sprintf("UPDATE far SET n = -n - 1 WHERE n = %d", g))
			want["far n"] = "different"
		case 4:
			g = g%(rows/4) + 1
			d.exec(1, fmt.Sprintf("UPDATE pair SET v = 'other' WHERE region = 'r%d' AND no = %d", g%50, g))
			want[fmt.Sprintf("pair r%d %d", g%50, g)] = "different"
		}
	}
	d.exec(1, "DELETE FROM bare WHERE a = 7; INSERT INTO bare SELECT * FROM bare WHERE a = 8; UPDATE parts SET v = 'w' WHERE id = 400")
	o := d.options()
	o.DataOnly = true
	r := d.run(o)
	if r.Verdict != tablediff.Differ {
		t.Fatalf("verdict %s: %s", r.Verdict, r.Why)
	}
	got := map[string]string{}
	far := 0
	for _, x := range r.Tables {
		for _, s := range x.Samples {
			name := strings.TrimPrefix(x.Table, "public.") + " " + strings.Join(s.Key, " ")
			if x.Table == "public.far" {
				name, far = "far n", far+1
			}
			got[name] = s.Class.String()
		}
	}
	if got["parts 400 2026-02-05"] != "different" {
		t.Errorf("the row of a partition: %v", got)
	}
	delete(got, "parts 400 2026-02-05")
	for k, class := range want {
		if got[k] != class {
			t.Errorf("%s is %q, want %q", k, got[k], class)
		}
		delete(got, k)
	}
	if len(got) > 0 || far == 0 || far > 10 {
		t.Errorf("false alarms: %v; far %d", got, far)
	}
	if bare := tableOf(t, r, "bare"); bare.Missing != 1 || bare.Extra != 1 || bare.Verdict != tablediff.Differ {
		t.Errorf("table without a key: %+v", bare)
	}
}

// TestWhatIsNotComparedIsNamed leaves nothing out in silence.
func TestWhatIsNotComparedIsNamed(t *testing.T) {
	d := newDuo(t)
	d.both("CREATE TABLE kept (id int PRIMARY KEY, gone text, v int); CREATE TABLE shut (id int PRIMARY KEY); CREATE MATERIALIZED VIEW mv AS SELECT 1 AS a; INSERT INTO kept VALUES (1, 'a', 1)")
	d.exec(0, "CREATE TABLE here (id int PRIMARY KEY); SELECT lo_create(0); CREATE INDEX later ON kept (v); GRANT SELECT ON kept TO PUBLIC; CREATE SEQUENCE s1")
	d.exec(1, "ALTER TABLE kept DROP COLUMN gone; CREATE TABLE there (id int PRIMARY KEY)")
	r := d.run(d.options())
	for _, want := range []string{"public.here", "public.there", "public.kept.gone", "public.mv", "large objects"} {
		if !slices.ContainsFunc(r.Notes, func(n tablediff.NoteReport) bool { return n.Object == want }) {
			t.Errorf("%s is not named: %+v", want, r.Notes)
		}
	}
	kinds := map[string]bool{}
	for _, s := range r.Schema {
		kinds[s.Kind+" "+s.Object] = true
	}
	for _, want := range []string{"index public.later", "grant public.kept", "column public.kept.gone"} {
		if !kinds[want] {
			t.Errorf("%s is not named: %v", want, r.Schema)
		}
	}
	if len(r.Sequences) != 1 || !r.Sequences[0].Differs {
		t.Errorf("sequences %+v", r.Sequences)
	}
	if r.Verdict != tablediff.Differ {
		t.Errorf("verdict %s", r.Verdict)
	}
	o := d.options()
	o.Tables = []string{"shut"}
	o.DataOnly = true
	if r := d.run(o); r.Verdict != tablediff.Equal {
		t.Errorf("an empty table on both sides: %s %s", r.Verdict, r.Why)
	}
	o.Tables = []string{"nothing"}
	if _, err := compare.Run(t.Context(), o); err == nil {
		t.Error("a table that is not there was compared")
	}
}

// TestItGoesOnWhereItWas stops a comparison in the middle and begins it again.
func TestItGoesOnWhereItWas(t *testing.T) {
	d := newDuo(t)
	fill(d, 150_000)
	d.exec(1, "UPDATE big SET n = 0 WHERE id IN (3, 449997)")
	file := filepath.Join(t.TempDir(), "state")
	o := d.options()
	o.DataOnly, o.Tables, o.PartRows = true, []string{"big"}, 5000
	o.Journal = compare.NewJournal(file)
	o.Limits = func() tablediff.Limits { return tablediff.Limits{Workers: 1} }
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(p tablediff.Progress) {
		if p.Phase == "settling" {
			cancel()
		}
	}
	if _, err := compare.Run(ctx, o); err == nil {
		t.Fatal("it was not interrupted")
	}
	if err := o.Journal.Close(false); err != nil {
		t.Fatal(err)
	}
	// The last line is cut, as by a crash.
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, raw[:len(raw)-7], 0o600); err != nil {
		t.Fatal(err)
	}
	o.Journal, o.Progress = compare.NewJournal(file), nil
	r := d.run(o)
	big := tableOf(t, r, "big")
	if big.Different != 2 || big.BlueRows != 150_000 || !strings.Contains(fmt.Sprint(r.Notes), "by an earlier run") {
		t.Errorf("%+v %+v", big, r.Notes)
	}
	if err := o.Journal.Close(true); err != nil {
		t.Error(err)
	}
	// Another table makes the state worthless, and that is said.
	if err := os.WriteFile(file, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Tables, o.Journal = []string{"far"}, compare.NewJournal(file)
	if _, err := compare.Run(t.Context(), o); err == nil {
		t.Error("the state of another comparison was taken")
	}
}

// TestRepairMakesThemEqual runs, here and only here, the statements that the
// report prints.
func TestRepairMakesThemEqual(t *testing.T) {
	d := newDuo(t)
	fill(d, 5000)
	d.both(`CREATE TABLE odd (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "Quo""te" text, b bytea, j jsonb, a text[], x int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO odd ("Quo""te", b, j, a) VALUES (E'it''s \\ here', '\x00ff', '{"a":"b\"c"}', '{"a,b",NULL}'), (NULL, NULL, NULL, NULL)`)
	d.exec(1, `DELETE FROM big WHERE id = 3; UPDATE big SET note = NULL WHERE id = 6; INSERT INTO big VALUES (4, 1, now(), 'x'); DELETE FROM pair WHERE no = 5; DELETE FROM odd`)
	o := d.options()
	o.DataOnly, o.Repair = true, postgres.Repair
	r := d.run(o)
	if len(r.Repair) != 6 {
		t.Fatalf("%d statements: %s", len(r.Repair), r.Repair)
	}
	for _, s := range r.Repair {
		d.exec(1, s)
	}
	if r := d.run(o); r.Verdict != tablediff.Equal {
		t.Errorf("after the repair: %s %s", r.Verdict, r.Why)
	}
}
