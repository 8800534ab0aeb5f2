package mysql

import (
	"strings"
	"testing"
	"time"
)

// TestTheCopyIsReadAsPlanned: the programs of both products, and no others.
func TestTheCopyIsReadAsPlanned(t *testing.T) {
	for _, good := range []string{"MYSQL_PWD='p w' mysqldump --databases 'a b'\n| mysql x", "mariadb-dump | mariadb"} {
		if _, err := copies.Parse(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"mysqldump | sh", "sh | mysql", "pg_dump | mysql"} {
		if cmds, err := copies.Parse(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, cmds)
		}
	}
}

func TestADumpSaysWhereItStands(t *testing.T) {
	for name, tt := range map[string]struct {
		head string
		want coordinates
	}{
		"mysql": {"-- MySQL dump 10.13\nSET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '11111111-2222-3333-4444-555555555555:1-5,\n" +
			"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:7';\n--\n-- CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='binlog.000002', SOURCE_LOG_POS=158;\nCREATE DATABASE x;\n",
			coordinates{"binlog.000002", "158", "11111111-2222-3333-4444-555555555555:1-5,aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee:7"}},
		"mariadb": {"-- MariaDB dump\n-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000012', MASTER_LOG_POS=4711;\nCREATE TABLE t (a INT);\n", coordinates{"bin.000012", "4711", ""}},
		"a row that looks like it": {"CREATE TABLE t (a TEXT);\nINSERT INTO t VALUES ('CHANGE MASTER TO MASTER_LOG_FILE=''x.000001'', MASTER_LOG_POS=4');\n" +
			"-- CHANGE MASTER TO MASTER_LOG_FILE='y.000001', MASTER_LOG_POS=4;\n", coordinates{}},
		"nothing": {"", coordinates{}},
	} {
		var out strings.Builder
		var k coordinates
		if err := k.copy(&out, strings.NewReader(tt.head)); err != nil {
			t.Fatal(err)
		}
		if k != tt.want || out.String() != tt.head {
			t.Errorf("%s: %+v, want %+v; handed on %q", name, k, tt.want, out.String())
		}
		for i, s := range []string{k.file, k.pos, k.ids} {
			if got := k.row()[i]; (got == nil) != (s == "") || got != nil && *got != s {
				t.Errorf("%s: column %d", name, i)
			}
		}
	}
}

// TestLagIsTheAgeOfWhatIsMissing, by our own clock: 0 until something is missing,
// then the age of the oldest place that is.
func TestLagIsTheAgeOfWhatIsMissing(t *testing.T) {
	h, at := newHistory(), moments()
	place := func(n string) place {
		p, err := parseIDs(false, uuidA+":1-"+n)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for i, n := range []string{"10", "10", "20", "30"} {
		h.place(at(i), place(n))
	}
	for _, tt := range []struct {
		reached string
		want    float64
	}{{"30", 0}, {"29", 2}, {"20", 2}, {"19", 3}, {"10", 3}, {"9", 5}} {
		if got := h.lag(at(5), place(tt.reached)); got != tt.want {
			t.Errorf("at %s: %.0f s behind, want %.0f", tt.reached, got, tt.want)
		}
	}
	h.place(at(6), place("3")) // another server, or an emptied log
	if got := h.lag(at(7), place("3")); got != 0 {
		t.Errorf("after the log was emptied: %.0f s", got)
	}
	if h.silent("x", at(0), "a") != 0 || h.silent("x", at(4), "a") != 4 || h.silent("x", at(5), "b") != 0 || h.silent("x", at(7), "b") != 2 {
		t.Error("silence is counted from the last sign of life")
	}
}

// moments are a second apart, by number.
func moments() func(int) time.Time {
	return func(n int) time.Time { return time.Unix(1_800_000_000+int64(n), 0) }
}
