package mysql

import (
	"slices"
	"strconv"

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

func (p *pairing) blind(object, why string) bool {
	p.note(engines.Note{Object: object, Why: why, Blind: true})
	return false
}

func (p *pairing) pair(b, g engines.TableShape) (engines.TableDigest, bool) {
	mine, theirs := p.blue.Who.Extra[extraProduct], p.green.Who.Extra[extraProduct]
	if mine != theirs {
		return engines.TableDigest{}, p.blind(b.Label(), "one side is MySQL and the other MariaDB: their values are not printed alike")
	}
	f := form{maria: mine == productMariaDB}
	cols, ok := p.columns(b, g)
	if !ok || !p.fits(b, cols) {
		return engines.TableDigest{}, false
	}
	var shapes []engines.ColumnShape
	for _, c := range cols {
		shapes = append(shapes, c.ColumnShape)
	}
	var key []pairedColumn
	for _, k := range engines.PairKey(b, g, shapes) {
		key = append(key, cols[slices.IndexFunc(cols, func(c pairedColumn) bool { return c.Name == k.Name })])
	}
	if len(key) == 0 {
		p.note(engines.Note{Object: b.Label(), Why: "no key on both sides: rows are compared as a multiset, differing rows have no name"})
	}
	d := engines.TableDigest{Schema: b.Schema, Name: b.Name, RowHash: f.rowHash(cols), Strength: p.strength, Rows: max(b.Rows, g.Rows), Bytes: max(b.Bytes, g.Bytes)}
	d.KeyHash = f.keyHash(key, d.RowHash)
	for _, c := range cols {
		d.Columns, d.Kinds = append(d.Columns, c.Name), append(d.Kinds, c.kind)
		if c.Generated != "" {
			d.Kinds[len(d.Kinds)-1] = kindComputed
		}
	}
	for _, k := range key {
		d.Key, d.Types = append(d.Key, k.Name), append(d.Types, k.kind)
	}
	primary := b.KeyFrom == keyPrimary && g.KeyFrom == keyPrimary
	d.Ordered = len(key) > 0 && primary && stable(key[0])
	d.Silent = !p.told(b, g)
	d.Tracked = len(key) > 0 && !d.Silent && !slices.ContainsFunc(key, func(c pairedColumn) bool { return !followed(c) })
	d.Order = d.RowHash
	if len(key) > 0 && !slices.ContainsFunc(key, func(c pairedColumn) bool { return !stable(c) || c.kind == kindText }) {
		d.Order = ""
		for i, k := range key {
			if i > 0 {
				d.Order += ", "
			}
			d.Order += col(k.Name)
		}
	}
	return d, true
}

// told reports whether the log tells every change of both tables' rows.
func (p *pairing) told(b, g engines.TableShape) bool {
	if b.Identity == "rows" && g.Identity == "rows" {
		return true
	}
	if b.Identity == "cascade" || g.Identity == "cascade" {
		p.note(engines.Note{Object: b.Label(), Why: "a foreign key changes its rows without a word in the log: its changes cannot be followed"})
	}
	return false
}

// stable reports whether a column puts the same rows in the same order on both
// sides, and an index of it serves a range.
func stable(c pairedColumn) bool {
	switch c.kind {
	case kindNumber, kindZeros, kindTime, kindStamp, kindBytes:
		return c.same
	case kindText:
		return c.same && !c.conv && c.Collation != ""
	}
	return false
}

// fits reports whether the image of a row fits into what both servers let a text
// measure.
func (p *pairing) fits(t engines.TableShape, cols []pairedColumn) bool {
	need := widest(len(cols))
	for side, tests := range map[string]map[string]string{"blue": p.blue.Tests, "green": p.green.Tests} {
		n, err := strconv.ParseInt(tests[testPacket], 10, 64)
		if err != nil || n < need {
			return p.blind(t.Label(), "max_allowed_packet on "+side+" is too small to compare its rows: "+strconv.FormatInt(need, 10)+" bytes are needed")
		}
	}
	return true
}

// columns are those that both sides have, in blue's order.
func (p *pairing) columns(b, g engines.TableShape) ([]pairedColumn, bool) {
	var out []pairedColumn
	notes, ok := engines.PairColumns(b, g, func(c, o engines.ColumnShape) bool {
		x, ok := p.column(b, c, o)
		out = append(out, x)
		return ok
	})
	p.notes = append(p.notes, notes...)
	return out, ok
}

func (p *pairing) column(t engines.TableShape, c, o engines.ColumnShape) (pairedColumn, bool) {
	name := t.Label() + "." + c.Name
	x := pairedColumn{ColumnShape: c, kind: kindOf(c.Base, c.Type), same: c.Type == o.Type && c.Collation == o.Collation, conv: c.Charset != o.Charset}
	x.NotNull = c.NotNull && o.NotNull
	if x.Generated == "" {
		x.Generated = o.Generated
	}
	other := kindOf(o.Base, o.Type)
	switch {
	case x.kind == "" || other == "":
		return x, p.blind(t.Label(), "column "+c.Name+" is "+c.Type+" on blue and "+o.Type+" on green: this version does not know how to compare it")
	case p.blue.Tests[x.kind] != p.green.Tests[x.kind]:
		return x, p.blind(t.Label(), "column "+c.Name+": the servers do not print "+c.Type+" alike")
	}
	if c.Type != o.Type {
		why := "is " + c.Type + " on blue and " + o.Type + " on green: compared as text"
		if !alike(x.kind, other) {
			return x, p.blind(t.Label(), "column "+c.Name+" is "+c.Type+" on blue and "+o.Type+" on green: they have no text in common")
		}
		x.kind = wider(x.kind, other)
		p.note(engines.Note{Object: name, Why: why})
	}
	if x.conv && c.Charset != "" && o.Charset != "" {
		p.note(engines.Note{Object: name, Why: "is in " + c.Charset + " on blue and in " + o.Charset + " on green: compared as characters"})
	}
	if x.kind == kindJSON {
		p.note(engines.Note{Object: name, Why: "json is compared by its text: a date, a decimal or bytes inside of it are not told from a text or number that is written alike"})
	}
	return x, true
}

// families of kinds whose values can be written alike.
var families = [][]string{{kindNumber, kindZeros, kindBits}, {kindText, kindLong, kindLabel}, {kindBytes, kindBlob}, {kindTime, kindStamp}}

func alike(a, b string) bool {
	return a == b || slices.ContainsFunc(families, func(f []string) bool { return slices.Contains(f, a) && slices.Contains(f, b) })
}

// wider is the kind that takes the values of both.
func wider(a, b string) string {
	for _, k := range []string{kindZeros, kindBits, kindLong, kindBlob, kindStamp} {
		if a == k || b == k {
			return k
		}
	}
	if a == kindLabel && b == kindText || b == kindLabel && a == kindText {
		return kindText
	}
	return a
}
