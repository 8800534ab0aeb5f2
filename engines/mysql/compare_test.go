package mysql_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
)

// mutations is the soundness table, one line for each way in which values of a
// type can differ and be taken for the same.
func mutations(maria bool) []enginetest.Mutation {
	out := []enginetest.Mutation{
		{"tinyint", "1", "2"}, {"tinyint(1)", "0", "1"}, {"smallint unsigned", "65535", "65534"}, {"mediumint", "-8388608", "8388607"}, {"int(6) zerofill", "42", "420"},
		{"bigint", "-9223372036854775808", "9223372036854775807"}, {"bigint", "9007199254740992", "9007199254740993"}, {"bigint unsigned", "18446744073709551615", "18446744073709551614"},
		{"decimal(20,4)", "1.0000", "1.0001"}, {"decimal(65,30)", "0.000000000000000000000000000001", "0.000000000000000000000000000002"}, {"decimal(10,0)", "100", "-100"},
		{"float", "0.1", "0.10000001"}, {"float", "16777216", "16777218"}, {"double", "0.1", "0.10000000000000002"}, {"double", "1e-300", "2e-300"},
		{"double(10,2)", "1.25", "1.26"}, {"bit(1)", "b'0'", "b'1'"}, {"bit(64)", "b'1'", "X'8000000000000001'"}, {"year", "2026", "2027"}, {"year", "1901", "2001"},
		{"date", "'2026-01-01'", "'2026-01-02'"}, {"time", "'00:00:00'", "'24:00:00'"}, {"time(6)", "'-00:00:00.000001'", "'00:00:00.000001'"}, {"time", "'-838:59:59'", "'838:59:59'"},
		{"datetime", "'2026-01-01 00:00:00'", "'2026-01-01 00:00:01'"}, {"datetime(6)", "'2026-01-01 00:00:00.000001'", "'2026-01-01 00:00:00.000002'"},
		{"timestamp NULL", "'2026-10-25 00:30:00'", "'2026-10-25 01:30:00'"}, {"timestamp(3) NULL", "'2026-01-01 00:00:00.001'", "'2026-01-01 00:00:00.002'"},
		{"varchar(20)", "NULL", "''"}, {"varchar(20)", "'a'", "'a '"}, {"varchar(20)", "'a'", "'A'"}, {"varchar(20)", "'1,2'", "'1,,2'"}, {"varchar(20)", "'é'", "'e'"},
		{"varchar(20) collate utf8mb4_general_ci", "'abc'", "'ABC'"}, {"varchar(20) charset latin1", "_latin1 X'E4'", "_latin1 X'E5'"}, {"varchar(20) charset latin1", "_latin1 X'81'", "_latin1 X'8D'"},
		{"varchar(20) charset sjis", "_sjis X'8790'", "_sjis X'81E0'"}, {"varchar(20) charset utf16", "'a'", "'b'"}, {"varchar(20) charset utf8mb3", "'ä'", "'a'"}, {"char(5)", "'a'", "'b'"},
		{"char(5) charset latin1", "'a'", "'A'"}, {"binary(4)", "X'00'", "X'0001'"}, {"varbinary(20)", "X'00'", "X'0000'"}, {"varbinary(20)", "''", "NULL"}, {"varbinary(20)", "X'FF'", "X'EFBFBD'"},
		{"tinytext", "'a'", "'b'"}, {"text", "REPEAT('x', 60000)", "CONCAT(REPEAT('x', 59999), 'y')"}, {"longtext", "REPEAT('x', 90000)", "CONCAT(REPEAT('x', 89999), 'y')"},
		{"longtext charset latin1", "REPEAT('x', 90000)", "REPEAT('x', 89999)"}, {"mediumblob", "REPEAT(X'00', 90000)", "CONCAT(REPEAT(X'00', 89999), X'01')"}, {"blob", "X'00'", "''"},
		{"longblob", "REPEAT('a', 4096)", "REPEAT('a', 4097)"}, {"enum('a','b','')", "'a'", "'b'"}, {"enum('a','b','')", "''", "NULL"}, {"set('a','b','c')", "'a,b'", "'a,c'"}, {"set('a','b')", "''", "NULL"},
		{"json", `'{"a": 1.0}'`, `'{"a": 1.00001}'`}, {"json", `'{"a": 1}'`, `'{"a": 1.0}'`}, {"json", "'null'", "NULL"}, {"json", "'1'", `'"1"'`}, {"json", `'[1, 2]'`, `'[2, 1]'`},
		{"geometry", "ST_GeomFromText('POINT(0 0)')", "ST_GeomFromText('POINT(0 1e-300)')"}, {"point", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(2 1)')"},
		{"geometry", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 2)', 3857)"}, {"polygon", "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')", "ST_GeomFromText('POLYGON((0 0,1 1,1 0,0 0))')"},
		{"varchar(20) NOT NULL", "'NULL'", "''"}, {"int NOT NULL", "0", "1"},
	}
	if maria {
		return append(out, enginetest.Mutation{"inet6", "'::1'", "'::2'"}, enginetest.Mutation{"uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"},
			enginetest.Mutation{"json", `'{"a":1}'`, `'{"a": 1}'`})
	}
	// MariaDB stores a negative zero as zero.
	out = append(out, enginetest.Mutation{"float", "0e0", "-0e0"}, enginetest.Mutation{"double", "0e0", "-0e0"})
	return append(out, enginetest.Mutation{"json", "CAST(18446744073709551615 AS JSON)", "CAST(18446744073709551614 AS JSON)"}, enginetest.Mutation{"vector(2)", "STRING_TO_VECTOR('[1,2]')", "STRING_TO_VECTOR('[2,1]')"})
}

// twins are comparers of both sides of a pair, and root's statements.
func twins(t *testing.T, l *lab.MySQLPairLab) enginetest.Twins {
	w := enginetest.Twins{Digests: mysql.Digests}
	var root [2]*sql.Conn
	for i, m := range []*lab.MySQL{l.Blue, l.Green} {
		root[i] = plain(t, m.DSN(lab.MySQLRoot, ""), "")
		for _, s := range []string{"SET sql_log_bin = 0", "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", "SET time_zone = '+05:45'", "CREATE DATABASE IF NOT EXISTS twin CHARACTER SET utf8mb4", "USE twin"} {
			if _, err := root[i].ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		w.Side[i] = comparer(t, []engines.TargetID{"blue", "green"}[i], m.DSN(lab.MySQLRoot, ""))
	}
	w.Exec = func(t testing.TB, side int, text string) {
		t.Helper()
		for _, s := range strings.Split(text, ";;") {
			if _, err := root[side].ExecContext(t.Context(), s); err != nil {
				t.Fatalf("side %d: %v\n%.300s", side, err, s)
			}
		}
	}
	return w
}

func comparer(t *testing.T, on engines.TargetID, dsn string) *mysql.Comparer {
	t.Helper()
	c, err := mysql.OpenComparer(engines.OpenRequest{Ctx: t.Context(), Target: on, DSN: dsn, Run: "r1", Person: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestComparer holds comparing on both products to the contract, on one pair each.
func TestComparer(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		w := twins(t, l)
		// Settings of the servers must not show in a sum.
		w.Exec(t, 0, "SET GLOBAL time_zone = '-03:00';;SET GLOBAL sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH';;SET GLOBAL group_concat_max_len = 1024")
		w.Exec(t, 1, "SET GLOBAL div_precision_increment = 9")
		t.Run("every mutation is seen", func(t *testing.T) { everyMutation(t, w, l.Flavor == lab.FlavorMariaDB) })
		t.Run("changes that cancel are seen", func(t *testing.T) { cancelling(t, w) })
		t.Run("parts", func(t *testing.T) { parts(t, w) })
		t.Run("keys of the log", func(t *testing.T) { keysOfTheLog(t, w, l) })
		t.Run("values larger than a packet", func(t *testing.T) { larger(t, w, l) })
		t.Run("what is not compared is named", func(t *testing.T) { named(t, w, l) })
		t.Run("an account that only reads", func(t *testing.T) { modest(t, w, l) })
	})
}

func everyMutation(t *testing.T, w enginetest.Twins, maria bool) {
	var tables []enginetest.MutationTable
	for i, m := range mutations(maria) {
		for _, name := range []string{fmt.Sprintf("keyed%d", i), fmt.Sprintf("loose%d", i)} {
			cols := "id bigint PRIMARY KEY, a int NULL, v %s, b text NULL"
			fill := "INSERT INTO " + name + " VALUES (1, 1, %s, 'x'), (2, 1, %s, 'x'), (3, 1, %s, NULL), (4, NULL, %s, 'x')"
			if strings.HasPrefix(name, "loose") {
				cols, fill = "v %s, b int NULL", "INSERT INTO "+name+" VALUES (%s, 1), (%s, 1), (%s, NULL), (%s, 1)"
			}
			w.Both(t, enginetest.Put("CREATE TABLE "+name+" ("+cols+")", m[0]))
			w.Both(t, enginetest.Put(fill, m[1]))
			set, one := "UPDATE "+name+" SET v = %s", "UPDATE "+name+" SET v = %s LIMIT 1"
			if m[0] == "json" { // one that is equal as a value is not written over another
				set, one = "UPDATE "+name+" SET v = '[]';;"+set, "UPDATE "+name+" SET v = '[]' LIMIT 1;;"+one
			}
			tables = append(tables, enginetest.MutationTable{Name: name, Is: m, Set: set, One: one})
		}
	}
	enginetest.Mutations(t, w, tables)
	w.Both(t, "DROP DATABASE twin;;CREATE DATABASE twin;;USE twin")
}

// cancelling plays the changes that come in twos and threes.
func cancelling(t *testing.T, w enginetest.Twins) {
	const hundred = "WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 100) "
	for _, s := range []string{
		"CREATE TABLE t (id bigint PRIMARY KEY, status varchar(3), n bigint, v decimal(20,2), a varchar(9), b varchar(9))",
		"CREATE TABLE c (region varchar(9), no int, n bigint, status varchar(3), PRIMARY KEY (region, no))", "CREATE TABLE k (n bigint, status varchar(3))",
		"CREATE TABLE nulls (id bigint PRIMARY KEY, v varchar(3), w varchar(3))", "CREATE TABLE link (a bigint, b bigint, PRIMARY KEY (a, b))", "CREATE TABLE many (id bigint PRIMARY KEY, x bigint, y bigint)",
		"INSERT INTO t " + hundred + "SELECT g, IF(g % 2 = 0, 'N', 'Y'), g * 10, g, 'ab', 'c' FROM s", "INSERT INTO c " + hundred + "SELECT CONCAT('r', g % 3), g, g * 10, IF(g % 2 = 0, 'N', 'Y') FROM s",
		"INSERT INTO k " + hundred + "SELECT g * 10, IF(g % 2 = 0, 'N', 'Y') FROM s", "INSERT INTO k VALUES (7, 'Y'), (7, 'Y')", "INSERT INTO nulls " + hundred + "SELECT g, NULL, 'x' FROM s", "INSERT INTO link " + hundred + "SELECT g, g * 100 FROM s",
		"INSERT INTO many " + hundred + "SELECT g, g * 10, g * 100 FROM s",
	} {
		w.Both(t, s)
	}
	enginetest.Cancels(t, w, []enginetest.Cancelling{
		{"t", "the same change in two rows", "UPDATE t SET status = 'Y' WHERE id IN (2, 4)"},
		{"t", "the same change in four rows", "UPDATE t SET status = 'Y' WHERE id IN (2, 4, 6, 8)"},
		{"t", "two rows swap a value", "UPDATE t SET n = IF(id = 1, 20, 10) WHERE id IN (1, 2)"},
		{"t", "three rows rotate a value", "UPDATE t SET n = 10 + (n % 30) WHERE id IN (1, 2, 3)"},
		{"t", "one more here, one less there", "UPDATE t SET n = n + IF(id = 1, 1, -1) WHERE id IN (1, 2)"},
		{"t", "a value moves over a column border", "UPDATE t SET a = 'a', b = 'bc' WHERE id = 1"},
		{"t", "a key moves by 2^32", "UPDATE t SET id = 1 + 4294967296 * 4 WHERE id = 1"},
		{"t", "a row is missing", "DELETE FROM t WHERE id = 7"},
		{"t", "a row is missing and another doubled in look", "DELETE FROM t WHERE id = 7;;INSERT INTO t SELECT 1000, status, n, v, a, b FROM t WHERE id = 8"},
		{"c", "composite key, two rows swap a value", "UPDATE c SET n = IF(no = 1, 20, 10) WHERE no IN (1, 2)"},
		{"c", "composite key, same change in two rows", "UPDATE c SET status = 'Y' WHERE no IN (2, 4)"},
		{"k", "no key, two rows swap a value", "UPDATE k SET n = IF(n = 10, 20, 10) WHERE n IN (10, 20)"},
		{"k", "no key, two rows become equal", "DELETE FROM k WHERE n IN (10, 30);;INSERT INTO k VALUES (50, 'Y'), (50, 'Y')"},
		{"k", "no key, two equal rows become two other equal rows", "UPDATE k SET n = 8 WHERE n = 7"},
		{"nulls", "NULL moves to the next column", "UPDATE nulls SET v = 'x', w = NULL WHERE id = 3"},
		{"nulls", "a row of nothing but NULL has another key", "UPDATE nulls SET id = 999 WHERE id = 3"},
		{"link", "two rows of nothing but a key swap halves of it", "UPDATE link SET b = 300 - b WHERE a IN (1, 2)"},
		{"link", "the halves of a key change places", "UPDATE link SET a = 300, b = 3 WHERE a = 3"},
		{"many", "the same two columns of all rows change places", "UPDATE many SET x = (@x := x), x = y, y = @x"},
	}, func(table string) string { return "CREATE TABLE keep AS SELECT * FROM " + table },
		func(table string) string {
			return "DELETE FROM " + table + ";;INSERT INTO " + table + " SELECT * FROM keep;;DROP TABLE keep"
		})
}

// keyed are tables with every kind of key: their columns, and the values of rows
// numbered g.
func keyed() map[string][2]string {
	return map[string][2]string{
		"ids": {"id int unsigned PRIMARY KEY", "g * 3"}, "thins": {"id bigint PRIMARY KEY", "g * 1000000007"}, "zeros": {"id int(9) zerofill PRIMARY KEY", "g"}, "money": {"id decimal(12,2) PRIMARY KEY", "g / 4"},
		"words": {"id varchar(30) PRIMARY KEY", "CONCAT('wör''\\\\d', CHAR(9), g)"}, "cases": {"id varchar(30) CHARACTER SET latin1 COLLATE latin1_general_ci PRIMARY KEY", "CONVERT(CONCAT(_latin1 X'C4809F81', g) USING latin1)"},
		"uuids": {"id binary(16) PRIMARY KEY", "UNHEX(LEFT(SHA2(g, 256), 32))"}, "times": {"id datetime(6) PRIMARY KEY", "TIMESTAMP('2026-01-01') + INTERVAL g * 1001 MICROSECOND"},
		"stamps": {"id timestamp(3) NOT NULL PRIMARY KEY", "TIMESTAMP('2026-01-01') + INTERVAL g SECOND"}, "bits": {"id bit(40) PRIMARY KEY", "g"}, "floats": {"id double PRIMARY KEY", "g / 7"},
		"labels": {"id enum('b','a') , no int, PRIMARY KEY (id, no)", "IF(g % 2, 'a', 'b'), g"}, "pairs": {"tenant varchar(9), no int, PRIMARY KEY (tenant, no)", "CONCAT('t', g % 3), g"},
		"uniques": {"id int NOT NULL, more int NULL, UNIQUE (more), UNIQUE (id)", "g, NULL"},
	}
}

// parts reads tables with every kind of key in ranges, slices and by key.
func parts(t *testing.T, w enginetest.Twins) {
	const rows = "WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 300) "
	keys := keyed()
	for name, k := range keys {
		w.Both(t, "CREATE TABLE "+name+" ("+k[0]+", v varchar(20) DEFAULT 'x')")
		w.Both(t, "INSERT INTO "+name+" "+rows+"SELECT "+k[1]+", 'v' FROM s")
	}
	digests, _ := w.Pair(t, engines.Sum64)
	for name := range keys {
		d, ok := digests[name]
		if !ok || len(d.Key) == 0 {
			t.Errorf("%s: compared %v by key %v", name, ok, d.Key)
			continue
		}
		if ranges := !slices.Contains([]string{"bits", "floats", "labels", "uniques"}, name); d.Ordered != ranges {
			t.Errorf("%s: in ranges %v, want %v", name, d.Ordered, ranges)
		}
		enginetest.Parts(t, w, d, 40)
	}
}

// larger compares values that no answer of the server could hold, and a part
// whose hashes together could not.
func larger(t *testing.T, w enginetest.Twins, l *lab.MySQLPairLab) {
	w.Both(t, "CREATE TABLE huge (id int PRIMARY KEY, a longtext, b longblob)")
	w.Both(t, "INSERT INTO huge VALUES (1, REPEAT('x', 3000000), REPEAT('y', 3000000)), (2, REPEAT('x', 70000), NULL)")
	w.Both(t, "CREATE TABLE plenty (id int PRIMARY KEY)")
	w.Both(t, "INSERT INTO plenty WITH RECURSIVE s(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM s WHERE g < 900) SELECT a.g + 1000 * b.g FROM s a JOIN s b WHERE b.g <= 20")
	w.Both(t, "SET GLOBAL max_allowed_packet = 1048576")
	for i, m := range []*lab.MySQL{l.Blue, l.Green} {
		w.Side[i] = comparer(t, []engines.TargetID{"blue", "green"}[i], m.DSN(lab.MySQLRoot, ""))
	}
	for _, strength := range []engines.Strength{engines.Sum64, engines.Cryptographic} {
		digests, notes := w.Pair(t, strength)
		for table, change := range map[string]string{"huge": "UPDATE huge SET b = NULL WHERE id = 1", "plenty": "UPDATE plenty SET id = 0 WHERE id = 20900"} {
			d, ok := digests[table]
			if !ok || !w.Equal(t, d) {
				t.Fatalf("%s, %s: compared %v, or differs from itself: %v", table, strength, ok, notes)
			}
			w.Exec(t, 1, change)
			if w.Equal(t, d) {
				t.Errorf("%s: a change is missed by strength %s", table, strength)
			}
		}
		w.Exec(t, 1, "UPDATE plenty SET id = 20900 WHERE id = 0;;UPDATE huge SET b = REPEAT('y', 3000000) WHERE id = 1")
	}
}

// named looks for what cannot be compared exactly: each is a note.
func named(t *testing.T, w enginetest.Twins, l *lab.MySQLPairLab) {
	w.Both(t, "CREATE TABLE isam (id int PRIMARY KEY) ENGINE = MyISAM;;CREATE TABLE bare (a int)")
	w.Exec(t, 0, "CREATE TABLE apart (id int PRIMARY KEY, a varchar(9) CHARACTER SET latin1, b decimal(10,2), c int, d int AS (id * 2), gone int)")
	w.Exec(t, 1, "CREATE TABLE apart (id bigint PRIMARY KEY, a varchar(9) CHARACTER SET utf8mb4, b decimal(12,4), c date, d int AS (id * 2))")
	w.Exec(t, 0, "CREATE TABLE lonely (id int)")
	_, notes := w.Pair(t, engines.Sum64)
	_, mine, err := w.Side[0].Shapes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	notes = append(notes, mine...)
	for _, want := range []struct {
		object, why    string
		blind, differs bool
	}{
		{"twin.isam", "no snapshots", false, false}, {"twin.bare", "no key on both sides", false, false}, {"twin.lonely", "missing on green", false, true},
		{"twin.apart.a", "compared as characters", false, false}, {"twin.apart.b", "compared as text", false, false}, {"twin.apart", "no text in common", true, false},
	} {
		if !slices.ContainsFunc(notes, func(n engines.Note) bool {
			return n.Object == want.object && strings.Contains(n.Why, want.why) && n.Blind == want.blind && n.Differs == want.differs
		}) {
			t.Errorf("no note on %s: %s in %+v", want.object, want.why, notes)
		}
	}
	// An account that sees part of a server says so: hidden tables are no equal ones.
	w.Exec(t, 0, "CREATE USER half@'%' IDENTIFIED BY 'hunter2-half';;GRANT PROCESS, REPLICATION CLIENT ON *.* TO half@'%';;GRANT SELECT ON twin.bare TO half@'%'")
	_, notes, err = comparer(t, "blue", strings.Replace(l.Blue.DSN(lab.MySQLRoot, ""), lab.MySQLRoot+":"+password(l.Blue.DSN(lab.MySQLRoot, "")), "half:hunter2-half", 1)).Shapes(t.Context())
	if err != nil || !slices.ContainsFunc(notes, func(n engines.Note) bool { return n.Object == "twin.*" && n.Blind }) {
		t.Errorf("%v: %+v", err, notes)
	}
}

// modest compares as an account that may do no more than read, on both sides.
func modest(t *testing.T, w enginetest.Twins, l *lab.MySQLPairLab) {
	rights := "SELECT, PROCESS, REPLICATION CLIENT"
	if l.Flavor == lab.FlavorMariaDB {
		rights = "SELECT, PROCESS, BINLOG MONITOR, SLAVE MONITOR"
	}
	w.Both(t, "CREATE USER modest@'%' IDENTIFIED BY 'hunter2-modest';;GRANT "+rights+" ON *.* TO modest@'%'")
	w.Both(t, "CREATE TABLE IF NOT EXISTS bare (a int);;INSERT INTO bare VALUES (1)")
	for i, m := range []*lab.MySQL{l.Blue, l.Green} {
		w.Side[i] = comparer(t, []engines.TargetID{"blue", "green"}[i], "mysql://modest:hunter2-modest@"+m.Address()+"/")
	}
	digests, _ := w.Pair(t, engines.Sum64)
	if !w.Equal(t, digests["bare"]) {
		t.Error("bare differs")
	}
	c := w.Side[1]
	_, serr := c.Schema(t.Context())
	_, qerr := c.Sequences(t.Context())
	_, lerr := c.Load(t.Context())
	_, ferr := c.Fingerprint(t.Context())
	_, linked, aerr := c.Applied(t.Context(), w.Side[0], position(t, w.Side[0]))
	if err := errors.Join(serr, qerr, lerr, ferr, aerr); err != nil || linked {
		t.Errorf("%v, linked %v", err, linked)
	}
}

func password(dsn string) string {
	_, rest, _ := strings.Cut(dsn, ":")
	p, _, _ := strings.Cut(rest, "@")
	return p
}
