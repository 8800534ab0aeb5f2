package mysql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// trackedTable is a compared table as its log has it.
type trackedTable struct {
	digest  engines.TableDigest
	columns []loggedColumn
	key     []int // places of the key's columns; none if rows have no name
}

type loggedColumn struct {
	name, base, typ, charset string
	size                     int // bytes of a binary column
}

// find looks for the places of the key's columns.
func (t *trackedTable) find() {
	t.key = nil
	if !t.digest.Tracked {
		return
	}
	for _, k := range t.digest.Key {
		i := slices.IndexFunc(t.columns, func(c loggedColumn) bool { return c.name == k })
		if i < 0 {
			t.key = nil
			return
		}
		t.key = append(t.key, i)
	}
}

// keyOf is the key of a logged row. known without a key says that the row's
// image leaves the key out because it did not change.
func (t *trackedTable) keyOf(row []any, skipped []int) (k engines.Key, known bool) {
	if len(t.key) == 0 || len(row) != len(t.columns) {
		return nil, false
	}
	for _, i := range t.key {
		if slices.Contains(skipped, i) {
			return nil, true
		}
		v, ok := t.columns[i].text(row[i])
		if !ok {
			return nil, false
		}
		k = append(k, v)
	}
	return k, true
}

// followed reports whether a key of this kind can be read from a log.
func followed(c pairedColumn) bool {
	switch c.kind {
	case kindNumber, kindZeros, kindBits, kindTime, kindStamp:
		return c.same
	case kindText:
		return c.Base == "char" || c.Base == "varchar"
	case kindBytes:
		return c.Base == "binary" || c.Base == "varbinary"
	}
	return false
}

// text is a logged value as a question by key has it, and as written gives it.
func (c loggedColumn) text(v any) (string, bool) {
	switch v := v.(type) {
	case int8:
		return c.integer(int64(v), 8)
	case int16:
		return c.integer(int64(v), 16)
	case int32:
		if c.base == "mediumint" {
			return c.integer(int64(v), 24)
		}
		return c.integer(int64(v), 32)
	case int64:
		if c.base == "bit" {
			return strconv.FormatUint(uint64(v), 10), true
		}
		return c.integer(v, 64)
	case int: // a year
		return fmt.Sprintf("%04d", v), c.base == "year"
	case string:
		return c.chars(v)
	case []byte:
		return c.chars(string(v))
	}
	return "", false
}

// integer reads a number whose sign the log does not tell.
func (c loggedColumn) integer(v int64, bits int) (string, bool) {
	switch c.base {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
	default:
		return "", false // the number of a label
	}
	if !strings.Contains(c.typ, "unsigned") && !strings.HasSuffix(c.typ, "zerofill") {
		return strconv.FormatInt(v, 10), true
	}
	if bits == 64 {
		return strconv.FormatUint(uint64(v), 10), true
	}
	return strconv.FormatInt(v&(1<<bits-1), 10), true
}

// strange are character sets in which the bytes of ASCII are other characters.
var strange = []string{"ucs2", "utf16", "utf16le", "utf32", "swe7", "sjis", "cp932", "ujis", "eucjpms"}

func (c loggedColumn) chars(s string) (string, bool) {
	switch c.base {
	case "binary": // the zeros at its end may be left out
		return hexOf(s + strings.Repeat("\x00", max(c.size-len(s), 0))), true
	case "varbinary":
		return hexOf(s), true
	case "decimal", "date", "datetime", "timestamp", "time":
		return s, true
	case "char":
		s = strings.TrimRight(s, " ")
	case "varchar":
	default:
		return "", false
	}
	if slices.Contains(raws, c.charset) {
		return s, true
	}
	if c.charset == "latin1" {
		return fromLatin1(s), true
	}
	plain := !slices.Contains(strange, c.charset) && !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
	return s, plain
}

// upper are the characters of latin1 from 0x80 to 0x9f, as these servers have it:
// those of Windows, and control characters in the places left free there.
const upper = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func fromLatin1(s string) string {
	high := []rune(upper)
	var b strings.Builder
	for i := range len(s) {
		r := rune(s[i])
		if r >= 0x80 && r < 0xa0 {
			r = high[r-0x80]
		}
		b.WriteRune(r)
	}
	return b.String()
}
