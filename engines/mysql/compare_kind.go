package mysql

import (
	"regexp"
	"strings"
)

// The kinds of columns a comparison knows: each is read, hashed and written in a
// way of its own.
const (
	kindNumber   = "number"   // whole numbers and decimals: the text is the value
	kindZeros    = "zerofill" // numbers with zeros in front, which are no part of the value
	kindFloat    = "float"
	kindBits     = "bit"
	kindTime     = "time"      // all that has no time zone
	kindStamp    = "timestamp" // shown in the session's time zone, which is UTC
	kindText     = "text"
	kindLong     = "longtext" // texts that may be larger than a packet
	kindLabel    = "enum"     // enum and set, by number where both sides have the same list
	kindJSON     = "json"
	kindBytes    = "binary"
	kindBlob     = "blob"
	kindShape    = "geometry"
	kindVector   = "vector"
	kindComputed = "computed" // written by the server alone
)

// kindOf is the kind of a column by its type; empty if nobody knows how to
// compare it.
func kindOf(base, column string) string {
	zeros := strings.HasSuffix(column, "zerofill")
	switch base {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal":
		if zeros {
			return kindZeros
		}
		return kindNumber
	case "float", "double", "real":
		return kindFloat
	case "bit":
		return kindBits
	case "date", "datetime", "time", "year":
		return kindTime
	case "timestamp":
		return kindStamp
	case "char", "varchar", "tinytext", "inet4", "inet6", "uuid":
		return kindText
	case "text", "mediumtext", "longtext":
		return kindLong
	case "enum", "set":
		return kindLabel
	case "json":
		return kindJSON
	case "binary", "varbinary", "tinyblob":
		return kindBytes
	case "blob", "mediumblob", "longblob":
		return kindBlob
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection":
		return kindShape
	case "vector":
		return kindVector
	}
	return ""
}

// col is the column of the table that statements call t.
func col(name string) string { return "t." + ident(name) }

// written is a column as a person reads it, and as literal takes it back.
func written(name, kind string) string {
	v := col(name)
	switch kind {
	case kindZeros, kindBits:
		return v + " + 0"
	case kindFloat:
		return "CAST(" + v + " AS DOUBLE)"
	case kindText, kindLong, kindLabel:
		return "CONVERT(" + v + " USING utf8mb4)"
	case kindBytes, kindBlob, kindShape, kindVector:
		return "HEX(" + v + ")"
	}
	return v
}

// number is what may stand in a statement without quotes.
var number = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// literal writes a value as a statement takes it, whatever the sql_mode and the
// character set of the session.
func literal(v, kind string) string {
	switch kind {
	case kindNumber, kindZeros, kindFloat, kindBits:
		if number.MatchString(v) {
			return v
		}
	case kindBytes, kindBlob, kindShape, kindVector:
		if strings.Trim(v, "0123456789ABCDEFabcdef") == "" {
			return "X'" + v + "'"
		}
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "_utf8mb4 X'" + hexOf(v) + "'"
	}
	return lit(v)
}

// key is a value of a key as a condition takes it. Texts go as bytes of one
// character set: the server turns them into the column's own, and the column's
// index serves them.
func keyLiteral(v, kind string) string {
	if kind == kindText || kind == kindLong || kind == kindLabel {
		return "_utf8mb4 X'" + hexOf(v) + "'"
	}
	return literal(v, kind)
}

func hexOf(s string) string {
	const digits = "0123456789ABCDEF"
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(b)
}
