package postgres

import (
	"encoding/binary"
	"reflect"
	"testing"

	"github.com/turquoise-db/turquoise/engines"
)

// stream builds messages as the server writes them.
type stream struct{ b []byte }

func (s *stream) u8(v byte) *stream    { s.b = append(s.b, v); return s }
func (s *stream) u16(v uint16) *stream { s.b = binary.BigEndian.AppendUint16(s.b, v); return s }
func (s *stream) u32(v uint32) *stream { s.b = binary.BigEndian.AppendUint32(s.b, v); return s }
func (s *stream) u64(v uint64) *stream { s.b = binary.BigEndian.AppendUint64(s.b, v); return s }
func (s *stream) str(v string) *stream { s.b = append(append(s.b, v...), 0); return s }
func (s *stream) val(v string) *stream {
	s.u8('t').u32(uint32(len(v)))
	s.b = append(s.b, v...)
	return s
}

func msg(kind byte) *stream { return (&stream{}).u8(kind) }

func rel(id uint32, schema, name string, cols ...string) []byte {
	s := msg('R').u32(id).str(schema).str(name).u8('d').u16(uint16(len(cols)))
	for _, c := range cols {
		s.u8(1).str(c).u32(23).u32(0xffffffff)
	}
	return s.b
}

func testDecoder() decoder {
	return newDecoder([]engines.TableDigest{{Schema: "public", Name: "t", Key: []string{"id", "region"}, Tracked: true}, {Schema: "public", Name: "bare"}})
}

// TestTheDecoderKeepsKeys reads a transaction with everything in it.
func TestTheDecoderKeepsKeys(t *testing.T) {
	d := testDecoder()
	var got engines.Transaction
	for i, m := range [][]byte{
		msg('B').u64(1).u64(2).u32(3).b, msg('O').u64(777).str("pg_1").b,
		rel(1, "public", "t", "region", "note", "id"), rel(2, "public", "bare", "a"), rel(3, "tq", "fence", "token", "at"), rel(4, "public", "else", "a"),
		msg('I').u32(1).u8('N').u16(3).val("eu").val("secret").val("1").b,
		msg('U').u32(1).u8('K').u16(3).val("eu").u8('n').val("1").u8('N').u16(3).val("us").u8('u').val("2").b,
		msg('U').u32(1).u8('K').u16(3).val("eu").u8('n').val("4").u8('N').u16(3).u8('u').u8('u').val("5").b, // the new key is not told whole
		msg('D').u32(1).u8('K').u16(3).val("eu").u8('n').val("3").b,
		msg('I').u32(2).u8('N').u16(1).val("x").b, msg('I').u32(4).u8('N').u16(1).val("x").b,
		msg('I').u32(3).u8('N').u16(2).val("s7f2.1").val("now").b,
		msg('T').u32(2).u8(0).u32(1).u32(4).b, msg('Y').u32(5).str("public").str("mood").b, msg('M').u8(1).u64(1).str("turquoise").u32(0).b,
		msg('C').u8(0).u64(5).u64(999).u64(7).b,
	} {
		tx, ok, err := d.message(m)
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if ok {
			got = tx
		}
	}
	row := func(op engines.RowOp, k ...string) engines.RowChange {
		return engines.RowChange{Table: "public.t", Key: k, Op: op}
	}
	want := engines.Transaction{ID: 3, Before: 5, Position: 999, Origin: "pg_1", From: 777,
		Rows:      []engines.RowChange{row(engines.Inserted, "1", "eu"), row(engines.Updated, "1", "eu"), row(engines.Updated, "2", "us"), row(engines.Updated, "4", "eu"), row(engines.Updated), row(engines.Deleted, "3", "eu"), {Table: "public.bare", Op: engines.Inserted}},
		Truncated: []string{"public.t"}, Tokens: []string{"fence s7f2.1"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestOtherColumnsAreNoticed: the description of a table comes again and again;
// only another one is news.
func TestOtherColumnsAreNoticed(t *testing.T) {
	d := testDecoder()
	for _, m := range [][]byte{rel(1, "public", "t", "id", "region"), rel(1, "public", "t", "id", "region"), rel(1, "public", "t", "id", "region", "more")} {
		if _, _, err := d.message(m); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.tx.Reshaped) != 1 {
		t.Errorf("%v", d.tx.Reshaped)
	}
	// A key that is no longer there leaves the table without names.
	if _, _, err := d.message(rel(1, "public", "t", "id")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.message(msg('I').u32(1).u8('N').u16(1).val("1").b); err != nil {
		t.Fatal(err)
	}
	if last := d.tx.Rows[len(d.tx.Rows)-1]; last.Key != nil {
		t.Errorf("half a key was taken for one: %v", last)
	}
}

// TestACutMessageIsNoTransaction: what cannot be read ends the stream.
func TestACutMessageIsNoTransaction(t *testing.T) {
	whole := msg('U').u32(1).u8('K').u16(2).val("1").val("eu").u8('N').u16(2).val("2").val("us").b
	for n := 1; n < len(whole); n++ {
		d := testDecoder()
		if _, _, err := d.message(rel(1, "public", "t", "id", "region")); err != nil {
			t.Fatal(err)
		}
		_, _, err := d.message(whole[:n])
		// Cut exactly between two rows it reads as a message of one row.
		if err == nil && len(d.tx.Rows) != 1 {
			t.Errorf("cut at %d of %d: taken for whole", n, len(whole))
		}
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(rel(1, "public", "t", "id"))
	f.Add(msg('T').u32(1 << 31).u8(0).b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		d := testDecoder()
		_, _, _ = d.message(rel(1, "public", "t", "id", "region"))
		_, _, _ = d.message(b)
	})
}
