package mysql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// longest is the length in bytes from which a long value stands in an image by
// its hash: an image that is larger than a packet would be NULL, and a NULL drops
// out of a sum without a word.
const longest = 4096

// widest is what an image may measure at most: the varying columns of a row hold
// 65,535 bytes together, up to four for each where they are converted, and long
// values hold no more than longest.
func widest(columns int) int64 { return 4*65_535 + int64(columns)*(longest+128) }

// raws are the character sets whose texts go into an image as they are stored.
// They are parts of one another, so no two texts become the same.
var raws = []string{"utf8mb4", "utf8mb3", "utf8", "ascii"}

// form is how the rows of one table are hashed: the same text on both sides.
type form struct {
	maria bool
}

// column is a column of both sides with all that decides how it is hashed.
type pairedColumn struct {
	engines.ColumnShape
	kind string
	same bool // the same type and list of labels on both sides
	conv bool // other character sets: compared as characters
}

// image is what stands for a column in the image of its row: injective over its
// values, for the text of a value says itself where it ends.
func (f form) image(c pairedColumn) []string {
	v := col(c.Name)
	switch c.kind {
	case kindZeros, kindBits:
		return []string{v + " + 0"}
	case kindFloat:
		// A FLOAT is printed with six digits, as a DOUBLE with all it has.
		return []string{"CAST(" + v + " AS DOUBLE)"}
	case kindLabel:
		if c.same {
			return []string{"CAST(" + v + " AS UNSIGNED)"}
		}
		return sized("CONVERT(" + v + " USING utf8mb4)")
	case kindText:
		return sized(c.text())
	case kindLong:
		return long(c.text())
	case kindBytes:
		return sized(v)
	case kindBlob:
		return long(v)
	case kindJSON, kindVector:
		return []string{"SHA2(" + v + ", 256)"}
	case kindShape:
		if f.maria {
			return []string{"ST_SRID(" + v + ")", "SHA2(ST_AsWKB(" + v + "), 256)"}
		}
		return []string{"SHA2(" + v + ", 256)"}
	}
	return []string{v}
}

// text is a column's text in bytes that are the same on both sides.
func (c pairedColumn) text() string {
	switch v := col(c.Name); {
	case c.conv:
		return "CONVERT(" + v + " USING utf8mb4)"
	case c.Charset == "" || slices.Contains(raws, c.Charset):
		return v
	default:
		return "CAST(" + v + " AS BINARY)"
	}
}

// sized puts the length in front of what may hold anything.
func sized(e string) []string { return []string{"LENGTH(" + e + ")", e} }

func long(e string) []string {
	return []string{"LENGTH(" + e + ")", "IF(LENGTH(" + e + ") > " + strconv.Itoa(longest) + ", SHA2(" + e + ", 256), " + e + ")"}
}

// rowImage joins the columns. CONCAT_WS passes over NULLs, so which columns are
// NULL is told first, one bit each.
func (f form) rowImage(cols []pairedColumn) string {
	var parts, bits []string
	flush := func() {
		if len(bits) > 0 {
			parts, bits = append(parts, strings.Join(bits, " | ")), nil
		}
	}
	for _, c := range cols {
		if c.NotNull {
			continue
		}
		bits = append(bits, "ISNULL("+col(c.Name)+") << "+strconv.Itoa(len(bits)))
		if len(bits) == 60 {
			flush()
		}
	}
	flush()
	for _, c := range cols {
		parts = append(parts, f.image(c)...)
	}
	return "CONCAT_WS(',', " + strings.Join(parts, ", ") + ")"
}

// rowHash is 256 bits of a row, as hexadecimal digits. The key is in the image,
// and the hash is not linear: no changes in several rows cancel in a sum of such
// hashes, whichever way they are put together.
func (f form) rowHash(cols []pairedColumn) string { return "SHA2(" + f.rowImage(cols) + ", 256)" }

// keyHash divides rows into slices; nothing else depends on it.
func (f form) keyHash(key []pairedColumn, rowHash string) string {
	if len(key) == 0 {
		return leading(rowHash, 8)
	}
	return "CRC32(" + f.rowImage(key) + ")"
}

// leading is the number that the first digits of a hash are.
func leading(hash string, digits int) string {
	return "CAST(CONV(LEFT(" + hash + ", " + strconv.Itoa(digits) + "), 16, 10) AS UNSIGNED)"
}
