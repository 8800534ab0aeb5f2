package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// seed starts each hash. Any fixed number serves; 0 would leave the hash
// functions of some versions without their mixing of the seed.
const seed = "7233177259011"

// mostElements keeps a row of hashes below the 1664 entries a ROW() may have.
const mostElements = 1600

// form is how the rows of one table are hashed: the same on both sides.
type form struct {
	arrays bool // before 14 rows have no extended hash: arrays of binary forms do
	sha    bool // the servers' own hash functions disagree: SHA-256 of the binary form
	crypto bool
	raw    bool // texts are stored in the same encoding on both sides
}

// raws are the types whose extended hash takes the stored image as it is. All
// others have values that compare equal and are stored differently (1.0 and
// 1.00, 0.0 and -0.0, 1 day and 24:00:00): these are hashed by their binary form.
var raws = []string{"int2", "int4", "bool", "date", "uuid", "oid", "bytea"}

// texts are raw only if their collation tells all texts apart and both servers
// keep them in the same encoding.
var texts = []string{"text", "varchar"}

// ordered are the types whose order no collation decides, so that a range of
// keys holds the same rows on both sides.
var ordered = []string{"int2", "int4", "int8", "oid", "uuid", "date", "timestamp", "timestamptz"}

// col is the column of the table that statements call t.
func col(name string) string { return "t." + ident(name) }

// image is what is hashed of a column: injective over its values, the same for
// the same value on all versions and whatever the settings of the server.
func (f form) image(c engines.ColumnShape) []string {
	switch v := col(c.Name); {
	case f.crypto || f.sha:
		// record_send takes the binary form of each column by itself.
		if c.Builtin && c.Class == "b" && c.Extension == "" && !aliased(c.Base) && c.Send != "" {
			return []string{v}
		}
		return []string{sentForm(c)}
	case f.arrays:
		return []string{sentForm(c)}
	case slices.Contains(raws, c.Base), f.raw && !c.Loose && slices.Contains(texts, c.Base):
		return []string{v}
	case c.Base == "int8":
		// The hash of a bigint folds its halves, so that it equals that of a small
		// integer; with the upper half beside it nothing is folded away. Both
		// together cost half of the binary form.
		return []string{v, "(" + v + " >> 32)::int4"}
	}
	return []string{sentForm(c)}
}

// aliased are types whose binary form is a number of this server alone: a
// table's oid is another one over there. Their text is a name.
func aliased(base string) bool { return strings.HasPrefix(strings.TrimPrefix(base, "_"), "reg") }

// sentForm is a column's send form, or the bytes of its text where there is none
// that is the same on two servers: arrays and composites carry the oids of the
// types they are made of.
func sentForm(c engines.ColumnShape) string {
	if c.Send == "" || aliased(c.Base) || !c.Builtin {
		return "textsend(" + col(c.Name) + "::text)"
	}
	return c.Send + "(" + col(c.Name) + ")"
}

func (f form) images(cs []engines.ColumnShape) []string {
	var out []string
	for _, c := range cs {
		out = append(out, f.image(c)...)
	}
	if len(out) > mostElements {
		out = out[:0]
		for _, c := range cs {
			out = append(out, sentForm(c))
		}
	}
	return out
}

// hash is a 64-bit hash of images under a seed.
func (f form) hash(images []string, under string) string {
	switch in := strings.Join(images, ", "); {
	case f.sha:
		return "('x' || left(encode(sha256(record_send(ROW(" + in + "))), 'hex'), 16))::bit(64)::bigint"
	case f.arrays:
		return "hash_array_extended(ARRAY[" + in + "]::bytea[], " + under + ")"
	default:
		return "hash_record_extended(ROW(" + in + "), " + under + ")"
	}
}

// keyHash is the hash of a row's key. Two keys of common tables have a shorter way.
func (f form) keyHash(key []engines.ColumnShape) string {
	if len(key) == 1 && !f.sha && !f.arrays {
		switch v := col(key[0].Name); key[0].Base {
		case "int8":
			return "hashint8extended(" + v + ", hashint4extended((" + v + " >> 32)::int4, " + seed + "))"
		case "int4":
			return "hashint4extended(" + v + ", " + seed + ")"
		}
	}
	return f.hash(f.images(key), seed)
}

// rowHash is the hash of a whole row. The key's hash is the seed: a hash of
// several columns is linear in the columns' hashes, and under one seed for all
// rows a value that two rows exchange would cancel in the sum.
func (f form) rowHash(key, rest []engines.ColumnShape) string {
	all := append(slices.Clone(key), rest...)
	switch {
	case f.crypto:
		return "sha256(record_send(ROW(" + strings.Join(f.images(all), ", ") + ")))"
	case f.sha:
		return f.hash(f.images(all), seed)
	case len(key) == 0:
		// Nothing tells the rows apart, so the columns are hashed as one value.
		one := form{crypto: true}
		in := "record_send(ROW(" + strings.Join(one.images(all), ", ") + "))"
		return f.hash([]string{in}, seed)
	}
	var in []string
	for _, c := range key {
		// The seed holds the exact key; here its own hash is enough to keep a row
		// of nothing but NULLs from being worth zero.
		if !f.arrays && (slices.Contains(raws, c.Base) || c.Base == "int8" || c.Base == "timestamp" || c.Base == "timestamptz") {
			in = append(in, col(c.Name))
		} else {
			in = append(in, f.image(c)...)
		}
	}
	return f.hash(append(in, f.images(rest)...), f.keyHash(key))
}

// orderBy is what puts rows in the same order on both sides.
func (f form) orderBy(key []engines.ColumnShape) string {
	if len(key) == 0 {
		return ""
	}
	return "record_send(ROW(" + strings.Join(form{crypto: true}.images(key), ", ") + "))"
}

// typed casts a literal to a type.
func typed(v, typ string) string { return lit(v) + "::" + typ }

func itoa(n int) string { return strconv.Itoa(n) }
