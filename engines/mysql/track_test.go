package mysql

import (
	"errors"
	"reflect"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/turquoise-db/turquoise/engines"
)

// tape builds events as the library reads them off a log.
type tape struct {
	t   *testing.T
	d   *decoder
	pos uint32
}

func newTape(t *testing.T) *tape {
	d := &decoder{own: 1, tables: map[string]*trackedTable{}}
	if err := d.name("binlog.000007"); err != nil {
		t.Fatal(err)
	}
	for _, x := range []engines.TableDigest{{Schema: "shop", Name: "orders", Key: []string{"id"}, Tracked: true}, {Schema: "shop", Name: "bare"}, {Schema: "other", Name: "orders", Key: []string{"id"}, Tracked: true}} {
		tab := &trackedTable{digest: x, columns: []loggedColumn{{name: "note", base: "varchar", charset: "utf8mb4"}, {name: "id", base: "int", typ: "int unsigned"}}}
		tab.find()
		d.tables[x.Label()] = tab
	}
	d.at = pack(7, 100)
	return &tape{t: t, d: d, pos: 100}
}

// put plays one event of a server; it returns what the decoder tells.
func (p *tape) put(server uint32, kind replication.EventType, e replication.Event) (engines.Transaction, bool) {
	p.t.Helper()
	tx, ok, err := p.try(server, kind, e)
	if err != nil {
		p.t.Fatal(err)
	}
	return tx, ok
}

func (p *tape) try(server uint32, kind replication.EventType, e replication.Event) (engines.Transaction, bool, error) {
	p.pos += 10
	return p.d.event(&replication.BinlogEvent{Header: &replication.EventHeader{ServerID: server, EventType: kind, LogPos: p.pos, EventSize: 10}, Event: e})
}

func (p *tape) gtid(server uint32) { p.put(server, replication.GTID_EVENT, &replication.GTIDEvent{}) }

func (p *tape) query(text string) (engines.Transaction, bool) {
	p.t.Helper()
	return p.put(1, replication.QUERY_EVENT, &replication.QueryEvent{Schema: []byte("shop"), Query: []byte(text)})
}

func (p *tape) commit() engines.Transaction {
	p.t.Helper()
	tx, ok := p.put(1, replication.XID_EVENT, &replication.XIDEvent{})
	if !ok {
		p.t.Fatal("a commit is no transaction")
	}
	return tx
}

// TestStatementsOfTheLog says what each statement does to followed tables.
func TestStatementsOfTheLog(t *testing.T) {
	for text, want := range map[string]engines.Transaction{
		"TRUNCATE TABLE `orders`":                        {Truncated: []string{"shop.orders"}},
		"/* app */ truncate bare":                        {Truncated: []string{"shop.bare"}},
		"ALTER TABLE shop.bare ADD c int":                {Reshaped: []string{"shop.bare"}},
		"RENAME TABLE bare TO bare_old":                  {Reshaped: []string{"shop.bare"}},
		"DROP TABLE `shop`.`bare`":                       {Reshaped: []string{"shop.bare"}},
		"ALTER TABLE bare_2 ADD c int":                   {},
		"DROP DATABASE other":                            {Reshaped: []string{"other.orders"}},
		"CREATE INDEX i ON bare (id)":                    {},
		"CREATE OR REPLACE VIEW v AS SELECT 1 FROM bare": {},
		"CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON bare FOR EACH ROW SET @a = 1": {},
		"ANALYZE TABLE bare":         {},
		"GRANT SELECT ON bare TO x":  {},
		"FLUSH TABLES bare":          {},
		"CREATE USER bare":           {},
		"DROP USER bare":             {},
		"SET PASSWORD FOR bare = ''": {},
	} {
		p := newTape(t)
		delete(p.d.tables, "other.orders")
		if text == "DROP DATABASE other" {
			p = newTape(t)
		}
		p.gtid(1)
		tx, ok := p.query(text)
		if !ok || !reflect.DeepEqual([2][]string{tx.Truncated, tx.Reshaped}, [2][]string{want.Truncated, want.Reshaped}) || len(tx.Rows) != 0 {
			t.Errorf("%s: %+v, %v", text, tx, ok)
		}
	}
	// A statement that writes rows may write any, through triggers too.
	for _, text := range []string{"INSERT INTO x VALUES (1)", "update x set a = 1", "DELETE FROM x", "REPLACE INTO x VALUES (1)", "LOAD DATA INFILE 'x' INTO TABLE y", "/* c */ -- d\nINSERT x SET a = 1"} {
		p := newTape(t)
		p.gtid(1)
		p.query("BEGIN")
		if _, ok := p.query(text); ok {
			t.Errorf("%s ends a transaction", text)
		}
		if tx := p.commit(); len(tx.Rows) != 3 {
			t.Errorf("%s: %+v, want every table", text, tx.Rows)
		}
	}
}

// TestAPreparedTransactionShowsAtItsCommit: its rows are told when it is
// committed, and what was prepared before the log was read may be any row.
func TestAPreparedTransactionShowsAtItsCommit(t *testing.T) {
	p := newTape(t)
	for range 2 {
		p.gtid(1)
		p.query("XA START X'01',X'',1")
		p.d.tx.Rows = append(p.d.tx.Rows, engines.RowChange{Table: "shop.orders", Key: engines.Key{"7"}})
		p.query("XA END X'01',X'',1")
		if tx, ok := p.put(1, replication.XA_PREPARE_LOG_EVENT, &replication.GenericEvent{Data: []byte{0}}); !ok || len(tx.Rows) != 0 {
			t.Errorf("prepared: %+v, %v", tx, ok)
		}
	}
	for range 2 {
		p.gtid(1)
		if tx, ok := p.query("XA COMMIT X'01',X'',1"); !ok || len(tx.Rows) != 2 {
			t.Errorf("committed: %+v, %v", tx, ok)
		}
	}
	p.gtid(1)
	if tx, _ := p.query("XA COMMIT X'01',X'',1"); len(tx.Rows) != 3 || tx.Rows[0].Key != nil {
		t.Errorf("one that was prepared before: %+v", tx)
	}
	// Committed in one phase it is an ordinary commit.
	p.gtid(1)
	p.query("XA START X'02',X'',1")
	p.d.tx.Rows = append(p.d.tx.Rows, engines.RowChange{Table: "shop.orders", Key: engines.Key{"8"}})
	if tx, ok := p.put(1, replication.XA_PREPARE_LOG_EVENT, &replication.GenericEvent{Data: []byte{1}}); !ok || len(tx.Rows) != 1 {
		t.Errorf("one phase: %+v, %v", tx, ok)
	}
}

// TestPositionsAndOrigins: positions grow over files, a transaction of another
// server says so, a hole in the log ends the reading.
func TestPositionsAndOrigins(t *testing.T) {
	p := newTape(t)
	p.gtid(9)
	p.query("BEGIN")
	if tx := p.commit(); tx.Origin != "server 9" || tx.Before != pack(7, 100) || tx.Position != pack(7, 130) {
		t.Errorf("%+v", tx)
	}
	if tx, ok := p.put(1, replication.ROTATE_EVENT, &replication.RotateEvent{NextLogName: []byte("binlog.000008"), Position: 4}); !ok || tx.Position != pack(8, 4) || p.d.file(tx.Position) != "binlog.000008" {
		t.Errorf("%+v, %v", tx, ok)
	}
	p.pos = 4
	if tx, ok := p.put(1, replication.HEARTBEAT_EVENT, &replication.GenericEvent{}); !ok || tx.Position != pack(8, 14) {
		t.Errorf("%+v, %v", tx, ok)
	}
	p.gtid(1)
	inner := []*replication.BinlogEvent{{Header: &replication.EventHeader{ServerID: 1, EventType: replication.QUERY_EVENT}, Event: &replication.QueryEvent{Query: []byte("BEGIN")}},
		{Header: &replication.EventHeader{ServerID: 1, EventType: replication.XID_EVENT}, Event: &replication.XIDEvent{}}}
	if tx, ok := p.put(1, replication.TRANSACTION_PAYLOAD_EVENT, &replication.TransactionPayloadEvent{Events: inner}); !ok || tx.Position != pack(8, 34) || tx.Before != pack(8, 14) {
		t.Errorf("compressed: %+v, %v", tx, ok)
	}
	// A file beyond 4 GB: an event has 32 bits for its place.
	p.d.at = pack(8, 1<<32-6)
	p.pos = 1<<32 - 6
	p.gtid(1)
	if tx := p.commit(); tx.Before != pack(8, 1<<32-6) || tx.Position != pack(8, 1<<32+14) {
		t.Errorf("beyond 4 GB: %+v", tx)
	}
	if _, _, err := p.try(1, replication.INCIDENT_EVENT, &replication.GenericEvent{}); !errors.Is(err, errIncident) {
		t.Errorf("%v", err)
	}
}

// TestKeysOfLoggedRows reads values as the library gives them.
func TestKeysOfLoggedRows(t *testing.T) {
	for _, tt := range []struct {
		c    loggedColumn
		v    any
		want string
		ok   bool
	}{
		{loggedColumn{base: "tinyint", typ: "tinyint unsigned"}, int8(-1), "255", true}, {loggedColumn{base: "tinyint", typ: "tinyint"}, int8(-1), "-1", true},
		{loggedColumn{base: "mediumint", typ: "mediumint unsigned"}, int32(-1), "16777215", true}, {loggedColumn{base: "int", typ: "int(9) unsigned zerofill"}, int32(-2), "4294967294", true},
		{loggedColumn{base: "bigint", typ: "bigint unsigned"}, int64(-1), "18446744073709551615", true}, {loggedColumn{base: "bit", typ: "bit(64)"}, int64(-1), "18446744073709551615", true},
		{loggedColumn{base: "binary", size: 4}, "a", "61000000", true}, {loggedColumn{base: "varbinary"}, "a\x00", "6100", true}, {loggedColumn{base: "year"}, 2026, "2026", true},
		{loggedColumn{base: "char", charset: "utf8mb4"}, "ä  ", "ä", true}, {loggedColumn{base: "varchar", charset: "latin1"}, "\x80\xe4\x81", "€ä\u0081", true},
		{loggedColumn{base: "varchar", charset: "sjis"}, "a", "", false}, {loggedColumn{base: "varchar", charset: "latin2"}, "\xe4", "", false}, {loggedColumn{base: "varchar", charset: "latin2"}, "a", "a", true},
		{loggedColumn{base: "enum", typ: "enum('a')"}, int64(1), "", false}, {loggedColumn{base: "int"}, nil, "", false}, {loggedColumn{base: "double"}, 1.5, "", false},
	} {
		if got, ok := tt.c.text(tt.v); ok != tt.ok || ok && got != tt.want {
			t.Errorf("%+v %v: %q, %v", tt.c, tt.v, got, ok)
		}
	}
	x := newTape(t).d.tables["shop.orders"]
	if k, known := x.keyOf([]any{"n", int32(-1)}, nil); !known || k[0] != "4294967295" {
		t.Errorf("%v, %v", k, known)
	}
	if k, known := x.keyOf([]any{"n", nil}, []int{1}); !known || k != nil {
		t.Errorf("a key that is left out: %v, %v", k, known)
	}
	if k, known := x.keyOf([]any{"n", int32(1), "more"}, nil); known || k != nil {
		t.Errorf("a row of another shape: %v, %v", k, known)
	}
}
