package postgres

import (
	"slices"

	"github.com/turquoise-db/turquoise/engines"
)

// Digests pairs the tables of two sides by name and says how each pair is
// summed. What cannot be compared exactly is named in the notes.
func Digests(blue, green engines.Side, s engines.Strength) ([]engines.TableDigest, []engines.Note) {
	p := pairing{blue: blue, green: green, strength: s}
	var out []engines.TableDigest
	notes := engines.PairTables(blue.Tables, green.Tables, func(b, g engines.TableShape) {
		if d, ok := p.pair(b, g); ok {
			out = append(out, d)
		}
	})
	return out, append(p.notes, notes...)
}

type pairing struct {
	blue, green engines.Side
	strength    engines.Strength
	notes       []engines.Note
}

func (p *pairing) note(n engines.Note) { p.notes = append(p.notes, n) }

func (p *pairing) pair(b, g engines.TableShape) (engines.TableDigest, bool) {
	f := form{sha: p.differs("hash int4") || p.differs("hash int8"), raw: b.Encoding == g.Encoding, arrays: min(p.blue.Who.Major, p.green.Who.Major) < 14, crypto: p.strength == engines.Cryptographic}
	cols, ok := p.columns(b, g, &f)
	if !ok {
		return engines.TableDigest{}, false
	}
	if b.Unlogged || g.Unlogged {
		p.note(engines.Note{Object: b.Label(), Why: "unlogged: replication does not carry it, and its changes cannot be followed"})
	}
	key := engines.PairKey(b, g, cols)
	if len(key) == 0 {
		p.note(engines.Note{Object: b.Label(), Why: "no key on both sides: rows are compared as a multiset, differing rows have no name"})
	}
	var rest []engines.ColumnShape
	for _, c := range cols {
		if !slices.ContainsFunc(key, func(k engines.ColumnShape) bool { return k.Name == c.Name }) {
			rest = append(rest, c)
		}
	}
	d := engines.TableDigest{Schema: b.Schema, Name: b.Name, RowHash: f.rowHash(key, rest), Order: f.orderBy(key), Strength: p.strength,
		Rows: max(b.Rows, g.Rows), Bytes: max(b.Bytes, g.Bytes)}
	for _, c := range cols {
		d.Columns = append(d.Columns, c.Name)
	}
	for _, k := range key {
		d.Key, d.Types = append(d.Key, k.Name), append(d.Types, k.Type)
	}
	plain := f
	plain.crypto = false // slices of a part need a number, whatever the strength
	if d.KeyHash = plain.keyHash(key); len(key) == 0 {
		d.KeyHash = "0::bigint"
		if f.crypto {
			p.note(engines.Note{Object: b.Label(), Why: "the cryptographic sum of a table without a key sorts its rows by their hashes"})
		}
	}
	d.Ordered = len(key) > 0 && key[0].Stable && slices.Contains(ordered, key[0].Base) && !b.Scattered && !g.Scattered
	d.Tracked = len(key) > 0 && followed(b) && followed(g)
	d.Silent = b.Unlogged || g.Unlogged
	return d, true
}

// followed reports whether the log of changes names each changed row by the key
// that rows are compared by, the old key of a row whose key changed included.
func followed(t engines.TableShape) bool {
	switch t.Identity {
	case "default":
		return !t.Unlogged && t.KeyFrom == "primary key"
	case "index", "full":
		return !t.Unlogged
	}
	return false
}

// columns are those that both sides have, in blue's order.
func (p *pairing) columns(b, g engines.TableShape, f *form) ([]engines.ColumnShape, bool) {
	var out []engines.ColumnShape
	notes, ok := engines.PairColumns(b, g, func(c, o engines.ColumnShape) bool {
		c.Loose = c.Loose || o.Loose
		c.Stable = c.Stable && o.Stable
		c.NotNull = c.NotNull && o.NotNull
		if c.Base != o.Base {
			p.note(engines.Note{Object: b.Label() + "." + c.Name, Why: "is " + c.Type + " on blue and " + o.Type + " on green: compared as text"})
			c.Send, c.Base, c.Stable = "", "unknown", false
		}
		c, ok := p.tested(b, c, o, f)
		out = append(out, c)
		return ok
	})
	p.notes = append(p.notes, notes...)
	return out, ok
}

// differs reports whether both sides gave an answer, and not the same.
func (p *pairing) differs(test string) bool {
	b, ok := p.blue.Tests[test]
	g, also := p.green.Tests[test]
	return ok && also && b != g
}

// tested holds a type to what both servers answered: the same hash, else the
// same binary form, else the same text, else it cannot be compared.
func (p *pairing) tested(t engines.TableShape, c, o engines.ColumnShape, f *form) (engines.ColumnShape, bool) {
	same := func(what string) (ok, known bool) {
		b, k := p.blue.Tests[what+" "+c.Base]
		g, l := p.green.Tests[what+" "+c.Base]
		return k && l && b == g, k && l
	}
	if ok, known := same("hash"); known && !ok {
		f.sha = true
	}
	binaryOK, known := same("binary")
	switch {
	case known && binaryOK:
		return c, true
	case !known:
		// A type of which no literal is kept: an extension's, an enum, a composite.
		if c.Extension != o.Extension {
			p.note(engines.Note{Object: t.Label() + "." + c.Name, Why: "type of " + orNone(c.Extension) + " on blue and of " + orNone(o.Extension) + " on green: compared as text"})
			c.Send = ""
		}
		return c, true
	}
	if ok, _ := same("text"); ok {
		p.note(engines.Note{Object: t.Label() + "." + c.Name, Why: "the servers send " + c.Type + " in different binary forms: compared as text"})
		c.Send = ""
		return c, true
	}
	p.note(engines.Note{Object: t.Label(), Why: "column " + c.Name + ": neither the binary form nor the text of " + c.Type + " is the same on both servers", Blind: true})
	return c, false
}

func orNone(s string) string {
	if s == "" {
		return "no extension"
	}
	return s
}
