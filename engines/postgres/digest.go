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

// rowHash is the hash of a whole row: of what it holds, and of its key under that.
// The last step is what makes sums over rows sound. Hashes of columns are put
// together by linear means, and a value that two rows exchange would cancel in a
// sum; a hash of the key under all the rest as its seed is worth another number
// for each pair of the two.
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
	case f.arrays:
		return f.hash(f.images(all), f.keyHash(key))
	}
	held := f.content(rest)
	if len(key) == 1 {
		if h := f.direct(key[0], held); h != "" {
			return h
		}
	}
	return "hashint4extended(0, " + f.hash(f.images(key), held) + ")"
}

// content is a hash of columns. Those whose type has a hash of the stored value
// are hashed one by one, each under a seed of its own, which costs a third less
// than a row of them does; the others are hashed as a row under what that gave.
func (f form) content(cs []engines.ColumnShape) string {
	var parts []string
	var others []engines.ColumnShape
	for i, c := range cs {
		h := f.direct(c, constant(2*i+1))
		switch {
		case h == "":
			others = append(others, c)
		case c.NotNull:
			parts = append(parts, h)
		default:
			parts = append(parts, "coalesce("+h+", "+constant(2*i+2)+")")
		}
	}
	held := seed
	if len(parts) > 0 {
		held = strings.Join(parts, " # ")
	}
	if len(others) > 0 {
		held = f.hash(f.images(others), held)
	}
	return held
}

// constant is the n-th of numbers that have nothing in common: odd multiples of one
// with no pattern in its bits, by the golden ratio.
func constant(n int) string {
	return "'" + strconv.FormatInt(int64(uint64(n)*0x9E3779B97F4A7C15), 10) + "'::bigint"
}

// direct is the hash of a column by its type's own function, where that takes the
// stored value as it is; empty if it does not.
func (f form) direct(c engines.ColumnShape, under string) string {
	v := col(c.Name)
	switch {
	case c.Base == "int2", c.Base == "int4", c.Base == "oid":
		return "hash" + c.Base + "extended(" + v + ", " + under + ")"
	case c.Base == "int8":
		// The hash of a bigint folds its halves, so that it equals that of a small
		// integer; with the upper half in the seed nothing is folded away.
		return "hashint8extended(" + v + ", hashint4extended((" + v + " >> 32)::int4, " + under + "))"
	case c.Base == "bool":
		return "hashint4extended(" + v + "::int4, " + under + ")"
	case c.Base == "uuid":
		return "uuid_hash_extended(" + v + ", " + under + ")"
	case f.raw && !c.Loose && slices.Contains(texts, c.Base):
		return "hashtextextended(" + v + ", " + under + ")"
	}
	return ""
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
