package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/postgres"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// mutations is the soundness table, one line for each way in which values of a
// type can differ and be taken for the same.
func mutations() []enginetest.Mutation {
	return []enginetest.Mutation{
		{"bool", "true", "false"}, {"smallint", "1", "2"}, {"int", "1", "65537"},
		{"bigint", "1", "4294967296"}, {"bigint", "-1", "0"}, {"bigint", "4294967297", "8589934592"}, {"bigint", "-4294967296", "4294967295"},
		{"oid", "1", "2"}, {"real", "0", "'-0'"}, {"real", "1.1", "'NaN'"}, {"float8", "0.0", "'-0.0'"}, {"float8", "0.1", "0.10000000000000002"}, {"float8", "'NaN'", "'Infinity'"},
		{"numeric", "1.0", "1.00"}, {"numeric", "1", "-1"}, {"numeric", "100", "1"}, {"numeric", "'NaN'", "0"}, {"numeric(20,4)", "1.0000", "1.0001"}, {"money", "1", "2"},
		{"date", "'2026-01-01'", "'2026-01-02'"}, {"time", "'00:00'", "'24:00'"}, {"timetz", "'12:00+02'", "'10:00+00'"},
		{"timestamp", "'2026-01-01 00:00'", "'2026-01-01 00:00'::timestamp + interval '4294.967296 s'"}, {"timestamptz", "'infinity'", "'-infinity'"},
		{"interval", "'1 day'", "'24:00'"}, {"interval", "'1 mon'", "'30 days'"},
		{"text", "NULL", "''"}, {"text", "'a'", "'a '"}, {"text", "repeat('x', 3000000)", "repeat('x', 2999999) || 'y'"}, {"text", "E'Stra\\u00dfe'", "'Strasse'"},
		{"varchar(10)", "'a'", "'A'"}, {"text COLLATE loose", "'abc'", "'ABC'"}, {"varchar(9) COLLATE loose", "'abc'", "'ABC'"},
		{"char(5)", "'a'", "'b'"}, {"\"char\"", "'a'", "'b'"}, {"name", "'a'", "'b'"}, {"bytea", `'\x00'`, `'\x0000'`}, {"bytea", `'\x'`, "NULL"},
		{"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"},
		{"json", `'{"a":1}'`, `'{"a": 1}'`}, {"jsonb", `'{"a":1.0}'`, `'{"a":1.00}'`}, {"jsonb", "'null'", "NULL"}, {"jsonb", "'1'", `'"1"'`}, {"xml", "'<a/>'", "'<a></a>'"},
		{"int[]", "'{1,2}'", "'{2,1}'"}, {"int[]", "'{}'", "NULL"}, {"int[]", "'{1,2}'", "'[0:1]={1,2}'"}, {"int[]", "'{{1},{2}}'", "'{1,2}'"},
		{"text[]", "'{NULL}'", `'{"NULL"}'`}, {"text[]", `'{""}'`, "'{}'"}, {"numeric[]", "'{1.0}'", "'{1.00}'"}, {"float8[]", "'{0}'", "'{-0}'"},
		{"int4range", "'[1,5)'", "'[1,5]'"}, {"numrange", "'[1.0,2)'", "'[1.00,2)'"}, {"tstzrange", "'empty'", "NULL"}, {"int4multirange", "'{[1,2)}'", "'{[1,2),[5,6)}'"},
		{"mood", "'sad'", "'glad'"}, {"mood[]", "'{sad,glad}'", "'{glad,sad}'"}, {"pair", "'(1,a)'", "'(1,)'"}, {"pair", `'(1,"")'`, "'(1,)'"}, {"pair[]", `'{"(1,a)"}'`, `'{"(2,a)"}'`},
		{"deep", "ROW('sad', ARRAY[1.0])::deep", "ROW('sad', ARRAY[1.00])::deep"}, {"positive", "1.0", "1.00"}, {"floats", "'[1,2]'", "'[1,3]'"}, {"moods", "'{sad}'", "'{glad}'"},
		{"inet", "'10.0.0.1/8'", "'10.0.0.1/9'"}, {"cidr", "'10.0.0.0/8'", "'10.0.0.0/9'"}, {"macaddr", "'08:00:2b:01:02:03'", "'08:00:2b:01:02:04'"},
		{"bit(3)", "B'101'", "B'100'"}, {"varbit", "B'1'", "B'10'"}, {"tsvector", "'a:1'", "'a:2'"}, {"tsquery", "'a & b'", "'a | b'"}, {"pg_lsn", "'0/1'", "'1/0'"},
		{"point", "'(0,0)'", "'(0,-0)'"}, {"line", "'{1,2,3}'", "'{1,2,4}'"}, {"lseg", "'[(0,0),(1,1)]'", "'[(1,1),(0,0)]'"}, {"box", "'(1,1),(0,0)'", "'(2,1),(0,0)'"},
		{"path", "'((0,0),(1,1))'", "'[(0,0),(1,1)]'"}, {"polygon", "'((0,0),(1,1))'", "'((1,1),(0,0))'"}, {"circle", "'<(0,0),1>'", "'<(0,0),2>'"},
		{"xid", "'1'", "'2'"}, {"xid8", "'1'", "'4294967297'"}, {"tid", "'(0,1)'", "'(0,2)'"}, {"regclass", "'pg_class'", "'pg_type'"}, {"regtype[]", "'{int4}'", "'{int8}'"},
		{"jsonpath", "'$.a'", "'$.b'"}, {"oidvector", "'1 2'", "'2 1'"}, {"box[]", "'{(1,1),(0,0)}'", "'{(2,1),(0,0)}'"},
	}
}

const mutationTypes = `CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TYPE pair AS (n int, t text); CREATE TYPE deep AS (m mood, ns numeric[]);
CREATE DOMAIN positive AS numeric CHECK (VALUE > 0); CREATE TYPE floats AS RANGE (subtype = float8); CREATE DOMAIN moods AS mood[]`

// twin is two databases of different versions with the same tables.
type twin struct {
	enginetest.Twins
	t     *testing.T
	admin [2]*pgx.Conn
	side  [2]*postgres.Comparer
}

func newTwin(t *testing.T, majors [2]int, settings [2]string, ddl ...string) *twin {
	t.Helper()
	w := &twin{t: t}
	w.Twins = enginetest.Twins{Digests: postgres.Digests, Exec: func(_ testing.TB, side int, sql string) { w.exec(side, sql) }}
	for i, major := range majors {
		db := labtest.Postgres(t, major)
		for _, s := range strings.Split(settings[i], ";") {
			w.run(db.DSN, "", s)
		}
		conn, err := pgx.Connect(t.Context(), db.DSN)
		if err != nil {
			t.Fatal(err)
		}
		w.admin[i] = conn
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		for _, s := range ddl {
			if i == 1 { // other oids on the other side
				w.exec(i, "CREATE TABLE IF NOT EXISTS shift (id int primary key); DROP TABLE shift")
			}
			w.exec(i, s)
		}
		c, err := postgres.OpenComparer(engines.OpenRequest{Ctx: t.Context(), Target: []engines.TargetID{"blue", "green"}[i], DSN: db.DSN, Run: "r1", Person: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		w.side[i], w.Side[i] = c, c
		t.Cleanup(func() { _ = c.Close() })
	}
	return w
}

func (w *twin) run(dsn, _, stmt string) {
	w.t.Helper()
	if strings.TrimSpace(stmt) == "" {
		return
	}
	conn, err := pgx.Connect(w.t.Context(), dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close(w.t.Context()) }()
	stmt = strings.ReplaceAll(stmt, "DATABASE d", "DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize())
	if _, err := conn.Exec(w.t.Context(), stmt); err != nil {
		w.t.Fatalf("%s: %v", stmt, err)
	}
}

func (w *twin) exec(i int, sql string) {
	w.t.Helper()
	if _, err := w.admin[i].Exec(w.t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		w.t.Fatalf("side %d: %v\n%.300s", i, err, sql)
	}
}

func (w *twin) both(sql string) { w.t.Helper(); w.exec(0, sql); w.exec(1, sql) }

// TestEveryMutationIsSeen holds the sums to the soundness table: for each type,
// with the value in a column, in the key, and in a table without a key, between
// two versions with different settings, in both strengths.
func TestEveryMutationIsSeen(t *testing.T) {
	for _, majors := range [][2]int{{15, 17}, {13, 18}} {
		t.Run(fmt.Sprintf("%d to %d", majors[0], majors[1]), func(t *testing.T) {
			muts := slices.DeleteFunc(mutations(), func(m enginetest.Mutation) bool {
				return majors[0] < 14 && strings.Contains(m[0], "multirange")
			})
			ddl := []string{mutationTypes}
			for i, m := range muts {
				ddl = append(ddl, fmt.Sprintf("CREATE TABLE keyed%d (id bigint PRIMARY KEY, a int, v %s, b text); CREATE TABLE loose%d (v %s, b int);", i, m[0], i, m[0]))
			}
			w := newTwin(t, majors, [2]string{
				`ALTER DATABASE d SET TimeZone = 'Asia/Kathmandu'; ALTER DATABASE d SET extra_float_digits = -5; ALTER DATABASE d SET IntervalStyle = 'iso_8601'`,
				`ALTER DATABASE d SET bytea_output = 'escape'; ALTER DATABASE d SET DateStyle = 'German, DMY'; ALTER DATABASE d SET search_path = public, pg_catalog`}, ddl...)
			for i, m := range muts {
				for _, s := range []string{"SET search_path = public; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'",
					fmt.Sprintf("INSERT INTO keyed%d SELECT g, 1, %s, 'x' FROM generate_series(1, 4) g", i, m[1]),
					fmt.Sprintf("INSERT INTO loose%d SELECT %s, 1 FROM generate_series(1, 4) g", i, m[1])} {
					w.both(s)
				}
			}
			var tables []enginetest.MutationTable
			for i, m := range muts {
				for _, name := range []string{fmt.Sprintf("keyed%d", i), fmt.Sprintf("loose%d", i)} {
					tables = append(tables, enginetest.MutationTable{Name: name, Is: m, Set: "UPDATE " + name + " SET v = %s",
						One: "UPDATE " + name + " SET v = %s WHERE ctid = (SELECT min(ctid) FROM " + name + ")"})
				}
			}
			enginetest.Mutations(t, w.Twins, tables)
		})
	}
}

// TestChangesThatCancelAreSeen plays the changes that come in twos and threes,
// on which sums of linear hashes cancel out.
func TestChangesThatCancelAreSeen(t *testing.T) {
	w := newTwin(t, [2]int{15, 17}, [2]string{}, `CREATE TABLE t (id bigint PRIMARY KEY, status text, n bigint, v numeric, a text, b text);
 CREATE TABLE c (region text, no int, n bigint, status text, PRIMARY KEY (region, no)); CREATE TABLE k (n bigint, status text, v numeric);
 CREATE TABLE nulls (id bigint PRIMARY KEY, v text); CREATE TABLE lonely (id bigint PRIMARY KEY);
 CREATE TABLE link (a bigint, b bigint, PRIMARY KEY (a, b)); CREATE TABLE many (id bigint PRIMARY KEY, x bigint, y bigint, p numeric, q numeric, at timestamptz, z timestamptz)`)
	for _, s := range []string{"INSERT INTO t SELECT g, CASE WHEN g % 2 = 0 THEN 'N' ELSE 'Y' END, g * 10, g, 'ab', 'c' FROM generate_series(1, 100) g",
		"INSERT INTO c SELECT 'r' || g % 3, g, g * 10, CASE WHEN g % 2 = 0 THEN 'N' ELSE 'Y' END FROM generate_series(1, 100) g",
		"INSERT INTO k SELECT g * 10, CASE WHEN g % 2 = 0 THEN 'N' ELSE 'Y' END, g FROM generate_series(1, 100) g",
		"INSERT INTO k VALUES (7, 'Y', 7), (7, 'Y', 7)", "INSERT INTO nulls SELECT g, NULL FROM generate_series(1, 10) g", "INSERT INTO lonely SELECT generate_series(1, 10)",
		"INSERT INTO link SELECT g, g * 100 FROM generate_series(1, 10) g",
		"INSERT INTO many SELECT g, g * 10, g * 100, g, g * 7, timestamptz '2026-01-01' + g * interval '1 h', timestamptz '2026-02-01' + g * interval '1 h' FROM generate_series(1, 50) g"} {
		w.both(s)
	}
	enginetest.Cancels(t, w.Twins, []enginetest.Cancelling{
		{"t", "the same change in two rows", "UPDATE t SET status = 'Y' WHERE id IN (2, 4)"},
		{"t", "the same change in four rows", "UPDATE t SET status = 'Y' WHERE id IN (2, 4, 6, 8)"},
		{"t", "two rows swap a value", "UPDATE t SET n = CASE id WHEN 1 THEN 20 ELSE 10 END WHERE id IN (1, 2)"},
		{"t", "three rows rotate a value", "UPDATE t SET n = 10 + (n % 30) WHERE id IN (1, 2, 3)"},
		{"t", "one more here, one less there", "UPDATE t SET n = n + CASE id WHEN 1 THEN 1 ELSE -1 END WHERE id IN (1, 2)"},
		{"t", "one more on two accounts", "UPDATE t SET n = n + 1 WHERE id IN (1, 2)"},
		{"t", "a value moves over a column border", "UPDATE t SET a = 'a', b = 'bc' WHERE id = 1"},
		{"t", "two rows swap keys", "UPDATE t SET id = CASE id WHEN 1 THEN -2 WHEN 2 THEN -1 END WHERE id IN (1, 2); UPDATE t SET id = -id WHERE id < 0"},
		{"t", "a key moves by 2^32", "UPDATE t SET id = 1 + 4294967296 * 4 WHERE id = 1"},
		{"t", "a row is missing", "DELETE FROM t WHERE id = 7"},
		{"t", "a row is missing and another doubled in look", "DELETE FROM t WHERE id = 7; INSERT INTO t SELECT 1000, status, n, v, a, b FROM t WHERE id = 8"},
		{"c", "composite key, two rows swap a value", "UPDATE c SET n = CASE no WHEN 1 THEN 20 ELSE 10 END WHERE no IN (1, 2)"},
		{"c", "composite key, same change in two rows", "UPDATE c SET status = 'Y' WHERE no IN (2, 4)"},
		{"k", "no key, two rows swap a value", "UPDATE k SET n = CASE n WHEN 10 THEN 20 ELSE 10 END WHERE n IN (10, 20)"},
		{"k", "no key, two rows become equal", "DELETE FROM k WHERE n IN (10, 30); INSERT INTO k VALUES (50, 'Y', 5), (50, 'Y', 5)"},
		{"k", "no key, two equal rows become two other equal rows", "UPDATE k SET n = 8 WHERE n = 7"},
		{"nulls", "a row of nothing but NULL has another key", "UPDATE nulls SET id = 99 WHERE id = 3"},
		{"link", "two rows of nothing but a key swap halves of it", "UPDATE link SET b = 300 - b WHERE a IN (1, 2)"},
		{"link", "the halves of a key change places", "UPDATE link SET a = b, b = a WHERE a = 3"},
		{"many", "two columns of a row change places", "UPDATE many SET x = y, y = x WHERE id = 5"},
		{"many", "two numbers of a row change places", "UPDATE many SET p = q, q = p WHERE id = 5"},
		{"many", "the same two columns of all rows change places", "UPDATE many SET p = q, q = p"},
		{"many", "two rows swap all but the key", "UPDATE many m SET x = o.x, y = o.y, p = o.p, q = o.q, at = o.at, z = o.z FROM many o WHERE m.id IN (1, 2) AND o.id = 3 - m.id"},
		{"many", "two rows swap a time", "UPDATE many SET at = CASE id WHEN 1 THEN timestamptz '2026-01-01 02:00' ELSE timestamptz '2026-01-01 01:00' END WHERE id IN (1, 2)"},
		{"many", "one more and one less in one row", "UPDATE many SET x = x + 1, y = y - 1 WHERE id = 9"},
		{"lonely", "a table of keys", "UPDATE lonely SET id = 99 WHERE id = 3"},
	}, func(table string) string { return "CREATE TABLE keep AS TABLE " + table },
		func(table string) string {
			return "TRUNCATE " + table + "; INSERT INTO " + table + " TABLE keep; DROP TABLE keep"
		})
	for _, table := range []string{"t", "c", "link"} {
		digests, _ := w.Pair(t, engines.Sum64)
		enginetest.Parts(t, w.Twins, digests[table], 3)
	}
}

// TestVersionsHashAlike compares the answers of the self-test over all versions:
// what differs is compared in a lesser way and named.
func TestVersionsHashAlike(t *testing.T) {
	w := newTwin(t, [2]int{15, 17}, [2]string{}, mutationTypes, "CREATE TABLE t (id bigint PRIMARY KEY, v numeric)")
	sides := w.Sides(t)
	blue, green := sides[0], sides[1]
	if len(blue.Tests) == 0 {
		t.Fatal("nothing was tested")
	}
	for k, v := range blue.Tests {
		if green.Tests[k] != v {
			t.Errorf("%s differs between 15 and 17", k)
		}
	}
	// A server that answers otherwise is not trusted.
	green.Tests["hash numeric"] = "other"
	ds, _ := postgres.Digests(blue, green, engines.Sum64)
	if !strings.Contains(ds[0].RowHash, "sha256") {
		t.Errorf("hashes differ and are used all the same: %s", ds[0].RowHash)
	}
	green.Tests["binary numeric"] = "other"
	ds, notes := postgres.Digests(blue, green, engines.Sum64)
	if !strings.Contains(ds[0].RowHash, "::text") || !slices.ContainsFunc(notes, func(n engines.Note) bool { return strings.Contains(n.Why, "compared as text") }) {
		t.Errorf("binary forms differ and are used all the same: %s, %v", ds[0].RowHash, notes)
	}
	green.Tests["text numeric"] = "other"
	if ds, notes = postgres.Digests(blue, green, engines.Sum64); len(ds) != 0 || !slices.ContainsFunc(notes, func(n engines.Note) bool { return n.Blind }) {
		t.Errorf("a type without a common form is compared: %v, %v", ds, notes)
	}
}
