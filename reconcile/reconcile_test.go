package reconcile

import (
	"strings"
	"testing"
	"time"
)

func texts(l *Log) []string {
	var out []string
	for _, s := range l.Seen {
		out = append(out, s.Login+": "+s.Text)
	}
	return out
}

func TestPostgresLogsInEveryForm(t *testing.T) {
	want := "ada: /* tq s=x n=1 i=1 h=00000000000000000000000000000000 */ ALTER ROLE app\n NOLOGIN|ada: SELECT setval('s', 1)|bob: DROP TABLE t"
	for name, c := range map[string]struct{ prefix, text string }{
		"text": {"%m [%p] %q%u@%d ", "2026-11-21 02:00:00.123 UTC [12] ada@app LOG:  statement: /* tq s=x n=1 i=1 h=00000000000000000000000000000000 */ ALTER ROLE app\n\t NOLOGIN\n" +
			"2026-11-21 02:00:00.200 UTC [12] ada@app LOG:  execute <unnamed>: SELECT setval('s', 1)\n" +
			"2026-11-21 02:00:00.200 UTC [12] ada@app DETAIL:  parameters: $1 = 'a secret'\n" +
			"2026-11-21 02:00:01.000 UTC [13] bob@app ERROR:  table \"t\" does not exist\n2026-11-21 02:00:01.000 UTC [13] bob@app STATEMENT:  DROP TABLE t\n" +
			"2026-11-21 02:00:02.000 UTC [2] LOG:  checkpoint starting: time\n"},
		"csv": {"", `2026-11-21 02:00:00.123 UTC,"ada","app",12,"127.0.0.1:5",6740,1,"idle",2026-11-21 01:00:00 UTC,3/4,0,LOG,00000,"statement: /* tq s=x n=1 i=1 h=00000000000000000000000000000000 */ ALTER ROLE app` + "\n" + ` NOLOGIN",,,,,,,,,"psql","client backend",,0` + "\n" +
			`2026-11-21 02:00:00.200 UTC,"ada","app",12,"127.0.0.1:5",6740,1,"idle",2026-11-21 01:00:00 UTC,3/4,0,LOG,00000,"duration: 0.100 ms  execute s1: SELECT setval('s', 1)","parameters: $1 = 'a secret'",,,,,,,,"psql","client backend",,0` + "\n" +
			`2026-11-21 02:00:01.000 UTC,"bob","app",13,"127.0.0.1:6",6741,1,"idle",2026-11-21 01:00:00 UTC,3/4,0,ERROR,42P01,"table ""t"" does not exist",,,,,,"DROP TABLE t",,,"psql","client backend",,0` + "\n"},
		"json": {"", `{"timestamp":"2026-11-21 02:00:00.123 UTC","user":"ada","error_severity":"LOG","message":"statement: /* tq s=x n=1 i=1 h=00000000000000000000000000000000 */ ALTER ROLE app\n NOLOGIN"}` + "\n" +
			`{"timestamp":"2026-11-21 02:00:00.200 UTC","user":"ada","error_severity":"LOG","message":"execute <unnamed>: SELECT setval('s', 1)","detail":"parameters: $1 = 'a secret'"}` + "\n" +
			`{"timestamp":"2026-11-21 02:00:01.000 UTC","user":"bob","error_severity":"ERROR","message":"table \"t\" does not exist","statement":"DROP TABLE t"}` + "\n"},
	} {
		l, err := ReadPostgres(strings.NewReader(c.text), name, c.prefix)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := strings.Join(texts(l), "|"); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		if l.Strange != 0 || l.From.IsZero() || !l.To.After(l.From) {
			t.Errorf("%s: %d strange lines, covers %s to %s", name, l.Strange, l.From, l.To)
		}
	}
}

func TestOtherPrefixes(t *testing.T) {
	for prefix, line := range map[string]string{
		"%t:%r:%u@%d:[%p]: ":             "2026-11-21 02:00:00 UTC:10.0.0.1(5432):ada@app:[12]: LOG:  statement: SELECT 1",
		"%m [%p-%l] %a %q[%h] %u@%d %e ": "2026-11-21 02:00:00.123 CET [12-3] psql [local] ada@app 00000 LOG:  statement: SELECT 1",
		"%m [%5p] %u ":                   "2026-11-21 02:00:00.123 UTC [   12] ada LOG:  statement: SELECT 1",
	} {
		l, err := ReadPostgres(strings.NewReader(line+"\n"), "x", prefix)
		if err != nil || len(l.Seen) != 1 || l.Seen[0].Login != "ada" {
			t.Errorf("%q: %v, %+v", prefix, err, l)
		}
	}
	for _, prefix := range []string{"[%p] %u ", "%m [%p] ", "%m %z %u "} {
		if _, err := ReadPostgres(strings.NewReader("x\n"), "x", prefix); err == nil {
			t.Errorf("%q was accepted: time and user cannot be told from it", prefix)
		}
	}
}

func TestMySQLLogs(t *testing.T) {
	for name, text := range map[string]string{
		"mysql": "/usr/sbin/mysqld, Version: 9.7.4 (MySQL). started with:\nTcp port: 3306  Unix socket: x\nTime                 Id Command    Argument\n" +
			"2026-11-21T02:00:00.123456Z\t   12 Connect\tada@localhost on app using TCP/IP\n2026-11-21T02:00:00.223456Z\t   12 Query\tSET GLOBAL read_only = ON\n2026-11-21T02:00:01.223456Z\t   12 Quit\t\n",
		"mariadb": "/usr/sbin/mariadbd, Version: 10.11.19-MariaDB-log (Debian 12). started with:\nTcp port: 3306  Unix socket: x\nTime\t\t    Id Command\tArgument\n261121  2:00:00\t     12 Connect\tada@localhost on app using TCP/IP\n\t\t     12 Query\tSET GLOBAL read_only = ON\n261121  2:00:01\t     12 Quit\t\n",
		"audit":   "20261121 02:00:00,host,ada,127.0.0.1,12,77,QUERY,app,'SET GLOBAL read_only = ON',0\n20261121 02:00:01,host,ada,127.0.0.1,12,0,DISCONNECT,app,,0\n",
	} {
		l, err := ReadMySQL(strings.NewReader(text), name)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(texts(l), "|"); got != "ada: SET GLOBAL read_only = ON" {
			t.Errorf("%s: %q", name, got)
		}
		if l.Strange != 0 {
			t.Errorf("%s: %d strange lines", name, l.Strange)
		}
		if at := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC); l.Seen[0].At.Truncate(time.Second) != at {
			t.Errorf("%s: at %s; want %s", name, l.Seen[0].At, at)
		}
	}
}

func TestCloudTrail(t *testing.T) {
	text := `{"Records":[{"eventTime":"2026-11-21T02:00:00Z","eventName":"SwitchoverGlobalCluster","eventSource":"rds.amazonaws.com","userAgent":"x app/turquoise-s1","readOnly":false,"requestID":"r1","userIdentity":{"arn":"arn:1"}},
	{"eventTime":"2026-11-21T02:00:01Z","eventName":"DescribeDBClusters","eventSource":"rds.amazonaws.com","readOnly":true}]}`
	l, err := ReadCloudTrail(strings.NewReader(text), "x")
	if err != nil || len(l.Seen) != 2 || l.Seen[0].Reads || !l.Seen[1].Reads || !strings.Contains(l.Seen[0].Text, "rds SwitchoverGlobalCluster request r1") {
		t.Errorf("%v, %+v", err, l)
	}
	if _, err := ReadCloudTrail(strings.NewReader("not json"), "x"); err == nil {
		t.Error("what is no JSON was read")
	}
}

func TestClassify(t *testing.T) {
	for text, want := range map[string]class{
		"SELECT 1": reads, "  /* a */ -- b\n select now()": reads, "SELECT pg_drop_replication_slot('x')": other, "SELECT pg_replication_slot_advance('x', '0/1')": other,
		"SELECT data FROM pg_logical_slot_get_binary_changes('x', NULL, NULL)": other, "SELECT data FROM pg_logical_slot_peek_binary_changes('x', NULL, NULL)": reads, "SELECT nextval('s')": other,
		"SELECT * INTO t FROM u": other, "TABLE t": reads, "SELECT has_table_privilege(t, 'UPDATE')": reads, "BEGIN": reads, "SHOW x": reads, "": reads,
		"WITH d AS (DELETE FROM t RETURNING 1) SELECT 1": unknown, "DO $$ $$": unknown, "CALL p()": unknown, "COPY t FROM STDIN": unknown, "VACUUM": unknown, "EXECUTE p": unknown,
		"SET GLOBAL read_only = OFF": other, "set persist x = 1": other, "SET SESSION x = 1": reads, "SET x = 1": reads, "START REPLICA": other, "START TRANSACTION": reads,
		"stop slave": other, "RESET REPLICA ALL": other, "RESET ALL": reads, "RESET search_path": reads, "CHANGE MASTER TO MASTER_HOST = 'x'": other, "KILL 7": other, "XA COMMIT 'x'": other,
		"XA RECOVER": unknown, "PURGE BINARY LOGS TO 'x'": other, "FLUSH TABLES": other, "LOCK TABLES t WRITE": other, "INSTALL PLUGIN x SONAME 'y'": other,
		"alter role app nologin": ddl, "DROP TABLE t;": ddl, "TRUNCATE t": mod, "UPDATE t SET a=1": mod,
	} {
		if got := classify(text); got != want {
			t.Errorf("%q is %d; want %d", text, got, want)
		}
	}
}

func TestSecretsAreComparedByTheirPlace(t *testing.T) {
	plan := "CREATE SUBSCRIPTION s CONNECTION 'host=a password=${secret:repl}' PUBLICATION p"
	if !same(plan, "CREATE SUBSCRIPTION s CONNECTION 'host=a password=hunter2' PUBLICATION p") {
		t.Error("a rendered secret is taken for another statement")
	}
	if same(plan, "CREATE SUBSCRIPTION s CONNECTION 'host=b password=hunter2' PUBLICATION p") {
		t.Error("another host went unnoticed")
	}
	if got := words("ALTER ROLE x PASSWORD 'hunter2' " + strings.Repeat("y", 200)); strings.Contains(got, "hunter2") || len([]rune(got)) > 81 {
		t.Errorf("shown: %q", got)
	}
}

// Nobody vouches for a log file: whatever is in it must not stop the reader.
func FuzzLogs(f *testing.F) {
	f.Add("2026-11-21 02:00:00.123 UTC [12] ada@app LOG:  statement: SELECT 1\n\tFROM x\n")
	f.Add("{\"message\":\"statement: x\"}\n{")
	f.Add("2026-11-21 02:00:00 UTC,,,,,,,,,,,,,,,,,,,,,,,\n\"")
	f.Add("261121  2:00:00\t 1 Query\tx\n")
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = ReadPostgres(strings.NewReader(s), "x", "%m [%p] %q%u@%d ")
		_, _ = ReadMySQL(strings.NewReader(s), "x")
		_, _ = ReadCloudTrail(strings.NewReader(s), "x")
	})
}
