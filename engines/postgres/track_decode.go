package postgres

import (
	"encoding/binary"
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// controlSchema holds the tables of fence tokens.
const controlSchema = "tq"

// decoder reads pgoutput, version 1, and keeps of it which rows were written.
type decoder struct {
	keys map[string][]string // key columns of each compared table
	rels map[uint32]*relation
	tx   engines.Transaction
	open bool
}

// relation is a table as the stream describes it.
type relation struct {
	schema, table string
	label         string
	columns       []string
	at            []int // where the key's columns are; empty if they cannot be found
	known         bool  // it is one of the compared tables
}

func newDecoder(tables []engines.TableDigest) decoder {
	d := decoder{keys: map[string][]string{}, rels: map[uint32]*relation{}}
	for _, t := range tables {
		d.keys[t.Label()] = t.Key
		if !t.Tracked {
			d.keys[t.Label()] = nil // changes are seen, rows have no name
		}
	}
	return d
}

// message takes one message; ok says that the transaction is whole.
func (d *decoder) message(b []byte) (tx engines.Transaction, ok bool, err error) {
	r := &wire{b: b}
	switch kind := r.byte(); kind {
	case 'B':
		d.tx, d.open = engines.Transaction{}, true
		r.skip(16) // where it commits, and when
		d.tx.ID = uint64(r.uint32())
	case 'O':
		d.tx.From = r.uint64()
		d.tx.Origin = r.text()
	case 'C':
		r.skip(1)
		// A slot that is confirmed up to where the commit begins sends it again; one
		// that is confirmed into it does not.
		d.tx.Before = r.uint64()
		d.tx.Position = r.uint64()
		tx, ok, d.open = d.tx, true, false
	case 'R':
		d.relation(r)
	case 'I', 'U', 'D':
		d.row(r, kind)
	case 'T':
		n := int(r.uint32())
		r.skip(1)
		for range min(n, len(b)) {
			if rel := d.rels[r.uint32()]; rel != nil && rel.known {
				d.tx.Truncated = append(d.tx.Truncated, rel.label)
			}
		}
	}
	// Types, messages and what later versions add do not change rows.
	if r.bad {
		return tx, false, errShort
	}
	return tx, ok, nil
}

func (d *decoder) relation(r *wire) {
	id := r.uint32()
	rel := &relation{schema: r.text(), table: r.text()}
	if rel.schema == "" {
		rel.schema = "pg_catalog"
	}
	rel.label = rel.schema + "." + rel.table
	r.skip(1)
	for range r.uint16() {
		r.skip(1)
		rel.columns = append(rel.columns, r.text())
		r.skip(4 + 4)
	}
	key, known := d.keys[rel.label]
	rel.known = known
	if rel.schema == controlSchema {
		key = []string{"token"}
	}
	for _, k := range key {
		i := slices.Index(rel.columns, k)
		if i < 0 {
			rel.at = nil
			break
		}
		rel.at = append(rel.at, i)
	}
	// The server describes a table again whenever its own idea of it was renewed;
	// only other columns are news.
	if old := d.rels[id]; old != nil && old.known && (!slices.Equal(old.columns, rel.columns) || old.label != rel.label) {
		d.tx.Reshaped = append(d.tx.Reshaped, old.label)
	}
	d.rels[id] = rel
}

// row keeps the keys of the old and the new row.
func (d *decoder) row(r *wire, kind byte) {
	rel := d.rels[r.uint32()]
	if rel == nil {
		r.bad = true
		return
	}
	images, named := 0, 0
	for len(r.b) > 0 && !r.bad {
		switch r.byte() {
		case 'N', 'K', 'O':
			images++
			if d.keep(rel, r, kind) {
				named++
			}
		default:
			r.bad = true
		}
	}
	// The new key may lie out of line in part, and is not said then.
	if rel.known && (named < images || images == 0) {
		d.tx.Add(engines.RowChange{Table: rel.label, Op: opOf(kind)})
	}
}

// keep reads one row. Its values are stepped over but for those of the key.
func (d *decoder) keep(rel *relation, r *wire, kind byte) bool {
	n := int(r.uint16())
	key := make(engines.Key, len(rel.at))
	have := 0
	for i := range n {
		var v []byte
		switch r.byte() {
		case 't', 'b':
			v = r.take(int(r.uint32()))
		case 'n', 'u':
			continue
		default:
			r.bad = true
			return false
		}
		if k := slices.Index(rel.at, i); k >= 0 {
			key[k] = string(v)
			have++
		}
	}
	switch {
	case len(rel.at) == 0 || have < len(rel.at):
		return false
	case rel.schema == controlSchema:
		if kind == 'I' && (rel.table == "fence" || rel.table == "ack") {
			d.tx.Tokens = append(d.tx.Tokens, rel.table+" "+key[0])
		}
		return true
	case !rel.known:
		return true
	}
	d.tx.Add(engines.RowChange{Table: rel.label, Key: key, Op: opOf(kind)})
	return true
}

func opOf(kind byte) engines.RowOp {
	switch kind {
	case 'I':
		return engines.Inserted
	case 'D':
		return engines.Deleted
	}
	return engines.Updated
}

// wire reads a message and remembers if it was too short.
type wire struct {
	b   []byte
	bad bool
}

func (w *wire) take(n int) []byte {
	if n < 0 || n > len(w.b) {
		w.bad, w.b = true, nil
		return nil
	}
	v := w.b[:n]
	w.b = w.b[n:]
	return v
}

func (w *wire) skip(n int) { w.take(n) }

func (w *wire) byte() byte {
	if v := w.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (w *wire) uint16() uint16 {
	if v := w.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (w *wire) uint32() uint32 {
	if v := w.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (w *wire) uint64() uint64 {
	if v := w.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (w *wire) text() string {
	i := slices.Index(w.b, 0)
	if i < 0 {
		w.bad, w.b = true, nil
		return ""
	}
	s := string(w.take(i))
	w.skip(1)
	return s
}
