package compare_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/turquoise-db/turquoise/checks/tablediff"
)

// link replicates from side 0 to side 1 until the test ends.
func (d *duo) link() {
	d.t.Helper()
	u, err := url.Parse(d.db[0].DSN)
	if err != nil {
		d.t.Fatal(err)
	}
	pass, _ := u.User.Password()
	info := fmt.Sprintf("host=%s port=%s dbname=%s user=%s password=%s sslmode=disable", u.Hostname(), u.Port(), d.db[0].Name, u.User.Username(), pass)
	d.exec(0, "CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root = true)")
	d.exec(0, "SELECT pg_create_logical_replication_slot('s_"+d.db[0].Name+"', 'pgoutput')")
	d.exec(1, fmt.Sprintf("CREATE SUBSCRIPTION s_%s CONNECTION '%s' PUBLICATION p WITH (create_slot = false, slot_name = 's_%s', copy_data = false)", d.db[1].Name, info, d.db[0].Name))
	d.t.Cleanup(func() {
		ctx := context.WithoutCancel(d.t.Context())
		conn, err := pgx.Connect(ctx, d.db[1].DSN)
		if err != nil {
			d.t.Error(err)
			return
		}
		defer func() { _ = conn.Close(ctx) }()
		if _, err := conn.Exec(ctx, "DROP SUBSCRIPTION s_"+d.db[1].Name); err != nil {
			d.t.Error(err)
		}
	})
}

// apart runs a statement on both sides that replication must not carry.
func (d *duo) apart(sql string) {
	d.t.Helper()
	d.exec(0, "ALTER PUBLICATION p SET (publish = '')")
	d.both(sql)
	d.both("ANALYZE")
	d.exec(0, "ALTER PUBLICATION p SET (publish = 'insert, update, delete, truncate')")
}

// load changes rows of table big on side 0 until the returned function is called:
// 70 of 100 changes are updates, 15 inserts, 15 deletes. It returns how many.
func (d *duo) load(rows, perSecond int) (stop func() int64) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	var n atomic.Int64
	var wg sync.WaitGroup
	for w := range 2 {
		conn, err := pgx.Connect(ctx, d.db[0].DSN)
		if err != nil {
			d.t.Fatal(err)
		}
		wg.Go(func() {
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
			tick := time.NewTicker(2 * time.Second / time.Duration(perSecond))
			defer tick.Stop()
			for i := 0; ; i++ {
				id, sql := 3*(1+rand.IntN(rows)), ""
				switch r := rand.IntN(100); {
				case r < 70:
					sql = fmt.Sprintf("UPDATE big SET n = n + 1 WHERE id = %d", id)
				case r < 85:
					sql = fmt.Sprintf("INSERT INTO big VALUES (%d, 1, now(), 'new') ON CONFLICT DO NOTHING", id+1+w)
				default:
					sql = fmt.Sprintf("DELETE FROM big WHERE id = %d", id+1+w)
				}
				if i%10 == 0 { // a few rows that never come to rest
					sql = fmt.Sprintf("UPDATE big SET note = CASE note WHEN 'a' THEN 'b' ELSE 'a' END WHERE id = %d", 3*(1+rand.IntN(3)))
				}
				if _, err := conn.Exec(context.WithoutCancel(ctx), sql); err != nil {
					d.t.Errorf("load: %v", err)
					return
				}
				n.Add(1)
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	var once sync.Once
	stop = func() int64 {
		once.Do(func() { cancel(); wg.Wait() })
		return n.Load()
	}
	d.t.Cleanup(func() { stop() })
	return stop
}

// TestNoFalseAlarmWhileReplicationRuns compares again and again while rows
// change, and then finds what was planted.
func TestNoFalseAlarmWhileReplicationRuns(t *testing.T) {
	d := newDuo(t)
	const rows = 60_000
	fill(d, rows)
	d.link()
	stop := d.load(rows, 300)
	o := d.options()
	o.DataOnly, o.Tables, o.Settle = true, []string{"big", "far", "bare"}, 20*time.Second
	o.PartRows = 4096
	for n := range 8 {
		r := d.run(o)
		if r.Verdict != tablediff.Equal {
			t.Fatalf("run %d: %s: %s %+v", n, r.Verdict, r.Why, tableOf(t, r, "big"))
		}
	}
	// One change lost on the way, and one row that came to green from elsewhere.
	d.exec(1, "UPDATE big SET note = 'lost' WHERE id = 90000; INSERT INTO big VALUES (1000000000, 1, now(), 'foreign')")
	r := d.run(o)
	big := tableOf(t, r, "big")
	if !r.Replicated || big.Different != 1 || big.Extra != 1 || big.Missing != 0 || big.Moving != 0 {
		t.Errorf("two faults: %+v, replicated %v", big, r.Replicated)
	}
	if n := stop(); n < 300 {
		t.Errorf("only %d changes: the load proves nothing", n)
	}
}
