package labtest

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/lab"
)

// MySQLPair starts a MySQL or MariaDB pair of the test's own with a router in
// front, and stops it when the test ends. Blue is filled, green is empty.
func MySQLPair(t testing.TB, o lab.MySQLOptions) *lab.MySQLPairLab {
	t.Helper()
	skipShort(t)
	if o.Log == nil {
		o.Log = t.Output()
	}
	return started(t, o, lab.MySQLPair)
}

// Follow copies blue to green and makes green a replica of blue as its flavour
// and GTIDs allow. source is where green finds blue: empty means blue's own
// address, another one is a wire in between.
func Follow(t testing.TB, l *lab.MySQLPairLab, source string) {
	t.Helper()
	p, err := l.CopyToGreen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if source == "" {
		source = l.Blue.Address()
	}
	host, port, _ := strings.Cut(source, ":")
	secret := l.Env()["TURQUOISE_REPL_PASSWORD"]
	place := "source_auto_position=1, get_source_public_key=1"
	if !l.GTID {
		place = fmt.Sprintf("source_auto_position=0, get_source_public_key=1, source_log_file='%s', source_log_pos=%d", p.File, p.Pos)
	}
	start := "start replica"
	words := []string{}
	if l.Flavor == lab.FlavorMariaDB {
		place, start = "source_use_gtid=slave_pos", "start slave"
		if !l.GTID {
			place = fmt.Sprintf("source_use_gtid=no, source_log_file='%s', source_log_pos=%d", p.File, p.Pos)
		}
		words = []string{"replication source", "master", "source_", "master_"}
	}
	text := fmt.Sprintf("change replication source to source_host='%s', source_port=%s, source_user='%s', source_password='%s', source_connect_retry=1, source_heartbeat_period=1, %s",
		host, port, lab.RoleReplication, secret, place)
	if err := l.Green.Exec(t.Context(), "", strings.NewReplacer(words...).Replace(text), start); err != nil {
		t.Fatal(errors.New(strings.ReplaceAll(err.Error(), secret, "***")))
	}
}

// ReplicaStatus returns what a replica says of its link, under names without the
// words of one product: IO_Running, SQL_Running, Seconds_Behind, Last_IO_Errno.
func ReplicaStatus(t testing.TB, m *lab.MySQL) map[string]string {
	t.Helper()
	db, err := sql.Open("mysql", m.DSN(lab.MySQLRoot, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	show := "show replica status"
	if m.Flavor == lab.FlavorMariaDB {
		show = "show slave status"
	}
	rows, err := db.QueryContext(t.Context(), show)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for rows.Next() {
		values := make([]sql.NullString, len(names))
		into := make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, n := range names {
			n = strings.TrimPrefix(strings.TrimPrefix(n, "Replica_"), "Slave_")
			out[strings.TrimSuffix(strings.TrimSuffix(n, "_Source"), "_Master")] = values[i].String
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}
