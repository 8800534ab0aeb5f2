package mysql_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/enginetest"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
)

func tracker(t *testing.T, dsn string, ds []engines.TableDigest, from string) (*mysql.Tracker, error) {
	t.Helper()
	k, err := mysql.OpenTracker(engines.OpenRequest{Ctx: t.Context(), Target: "blue", DSN: dsn, Run: "r1", Person: "ann"}, engines.TrackRequest{From: from, Tables: ds})
	if err == nil {
		t.Cleanup(func() { _ = k.Close() })
	}
	return k, err
}

// changed reads the log until it has told a number of commits.
func changed(t *testing.T, k *mysql.Tracker, upTo string) (rows []engines.RowChange, last engines.Transaction) {
	t.Helper()
	want, err := k.Parse(upTo)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for last.Position < want {
		tx, err := k.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, tx.Rows...)
		last.Truncated, last.Reshaped = append(last.Truncated, tx.Truncated...), append(last.Reshaped, tx.Reshaped...)
		last.Position = tx.Position
		if tx.Origin != "" {
			t.Errorf("written on the server itself, and told as from %s", tx.Origin)
		}
	}
	return rows, last
}

// keysOfTheLog writes one row of each kind of key and asks for it by what the log
// calls it. The tables are those of parts.
func keysOfTheLog(t *testing.T, w enginetest.Twins, l *lab.MySQLPairLab) {
	root := plain(t, l.Blue.DSN(lab.MySQLRoot, "twin"), "")
	do := func(s string) {
		t.Helper()
		if _, err := root.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	do("SET sql_mode = ''")
	digests, _ := w.Pair(t, engines.Sum64)
	var ds []engines.TableDigest
	for _, d := range digests {
		ds = append(ds, d)
	}
	grantTwin(t, w)
	k, err := tracker(t, l.BlueDSN(), ds, "")
	if err != nil {
		t.Fatal(err)
	}
	began := k.Text(k.Start())
	for name, of := range keyed() {
		do("INSERT INTO " + name + " WITH RECURSIVE s(g) AS (SELECT 1000) SELECT " + of[1] + ", 'new' FROM s")
		do("UPDATE " + name + " SET v = 'changed' WHERE v = 'new'")
	}
	at := position(t, w.Side[0])
	rows, _ := changed(t, k, at)
	for name := range keyed() {
		d := digests[name]
		var keys []engines.Key
		for _, r := range rows {
			if r.Table == "twin."+name && r.Key != nil {
				keys = append(keys, r.Key)
			}
		}
		if nameless := slices.Contains([]string{"floats", "labels"}, name); d.Tracked == nameless {
			t.Errorf("%s: followed %v", name, d.Tracked)
		} else if nameless {
			continue
		}
		got, err := w.Side[0].ByKey(t.Context(), d, keys[:min(len(keys), 1)])
		if err != nil || len(got) != 1 || len(keys) != 2 || !slices.Equal(got[0].Key, keys[0]) {
			t.Errorf("%s: the log says %q, the table %v, %v", name, keys, got, err)
		}
	}
	// Read again from where it began, over TLS, it tells the same; a changed table loses its names.
	line := l.BlueDSN()
	if l.Flavor == lab.FlavorMySQL { // it makes a certificate by itself
		line = strings.TrimSuffix("mysql://"+strings.NewReplacer("@tcp(", "@", ")", "").Replace(line), "?") + "?tls=skip-verify"
	}
	again, err := tracker(t, line, ds, began)
	if err != nil {
		t.Fatal(err)
	}
	if twice, _ := changed(t, again, at); len(twice) != len(rows) {
		t.Errorf("read again: %d changes, %d before", len(twice), len(rows))
	}
	// A session that logs statements instead of rows names none.
	driver.RegisterReaderHandler("loaded", func() io.Reader { return strings.NewReader("t9\t9\tv\n") })
	defer driver.DeregisterReaderHandler("loaded")
	do("SET GLOBAL local_infile = 1")
	do("SET SESSION binlog_format = 'STATEMENT'")
	do("LOAD DATA LOCAL INFILE 'Reader::loaded' INTO TABLE pairs")
	do("SET SESSION binlog_format = 'ROW'")
	if rows, _ := changed(t, again, position(t, w.Side[0])); !slices.ContainsFunc(rows, func(r engines.RowChange) bool { return r.Table == "twin.pairs" && r.Key == nil }) {
		t.Errorf("a file was loaded as a statement: %v", rows)
	}
	do("TRUNCATE TABLE pairs")
	do("ALTER TABLE ids ADD COLUMN more int")
	do("UPDATE ids SET more = 1 LIMIT 1")
	rows, last := changed(t, again, position(t, w.Side[0]))
	if !slices.Equal(last.Truncated, []string{"twin.pairs"}) || !slices.Equal(last.Reshaped, []string{"twin.ids"}) || len(rows) == 0 || rows[len(rows)-1].Key != nil {
		t.Errorf("truncated %v, reshaped %v, rows %v", last.Truncated, last.Reshaped, rows)
	}
	do("INSERT INTO pairs VALUES ('t1', 1, 'v')")
	do("ALTER TABLE ids DROP COLUMN more")
	if l.Flavor == lab.FlavorMySQL {
		do("FLUSH BINARY LOGS")
		do("PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY")
	}
	gone := "binlog.000000:4"
	if _, err := tracker(t, l.BlueDSN(), ds, gone); !errors.Is(err, engines.ErrGap) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("from a log that is gone: %v", err)
	}
}

func position(t *testing.T, c engines.Comparer) string {
	t.Helper()
	at, err := c.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// grantTwin lets our own account read the tables of the test.
func grantTwin(t *testing.T, w enginetest.Twins) {
	w.Both(t, "GRANT SELECT ON twin.* TO turquoise@'%'")
}
