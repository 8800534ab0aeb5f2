package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// testPacket is the answer of the self-test that says how long a text may be.
const testPacket = "max_allowed_packet"

// literals holds values of each kind that are printed in a way that versions and
// settings could change.
func literals(maria bool) map[string][]string {
	text := []string{"_utf8mb4 X'5374726173C39F6520F09F9880'", "''", "CONVERT(_latin1 X'E4F6' USING utf8mb4)", "CAST(_latin1 X'E4' AS BINARY)"}
	out := map[string][]string{
		kindNumber: {"-9223372036854775808", "18446744073709551615", "CAST('1.00' AS DECIMAL(10, 2))", "CAST('-0.000001' AS DECIMAL(65, 30))"},
		kindFloat:  {"0.1e0", "1e-300", "1.7976931348623157e308", "0.30000000000000004e0", "-1234567.891e0", "3e0", "1e15", "1e16", "-0e0", "0e0"},
		kindTime:   {"CAST('2026-11-21 03:00:00.000001' AS DATETIME(6))", "CAST('9999-12-31' AS DATE)", "CAST('-838:59:59' AS TIME)", "CAST('00:00:01.5' AS TIME(1))"},
		kindStamp:  {"CAST(FROM_UNIXTIME(1792549800) AS CHAR)", "CAST(FROM_UNIXTIME(0.5) AS CHAR)"},
		kindText:   text,
		kindBytes:  {"X'00FF'", "X''"},
		kindBits:   {"CAST(X'FFFFFFFFFFFFFFFF' AS UNSIGNED)"},
		kindShape:  {"HEX(ST_GeomFromText('POINT(1 -0.5)'))", "HEX(ST_AsWKB(ST_GeomFromText('LINESTRING(0 0, 1e-300 2)')))"},
	}
	if !maria {
		out[kindJSON] = []string{`CAST('{"b": 1, "a": 1.0, "long": 1e300, "c": [null, true, "\\u00e4"], "": 18446744073709551615}' AS JSON)`}
	}
	for kind, like := range map[string]string{kindZeros: kindNumber, kindLong: kindText, kindLabel: kindText, kindBlob: kindBytes, kindComputed: kindText} {
		out[kind] = out[like]
	}
	return out
}

// SelfTest hashes literals of the kinds that the types are of, as rows are
// hashed, and reads how long a text may be.
func (c *Comparer) SelfTest(ctx context.Context, types []string) (map[string]string, error) {
	packet, err := c.query(ctx, "read a setting", "SELECT @@max_allowed_packet")
	if err != nil {
		return nil, err
	}
	out := map[string]string{testPacket: text(packet[0], 0)}
	all := literals(c.d.maria)
	for _, t := range append([]string{"int", "varchar"}, types...) {
		kind := kindOf(t, t)
		vals := all[kind]
		if out[kind] != "" || len(vals) == 0 {
			continue
		}
		img := make([]string, len(vals))
		for i, v := range vals {
			img[i] = "LENGTH(" + v + "), " + v
		}
		rows, err := c.query(ctx, "test how values are hashed", "SELECT SHA2(CONCAT_WS(',', "+strings.Join(img, ", ")+"), 256), CRC32("+vals[0]+")")
		if err != nil {
			return nil, err
		}
		out[kind] = text(rows[0], 0) + " " + text(rows[0], 1)
	}
	return out, nil
}

// shortHash names a text that is too long to print.
func shortHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:6])
}

// parsePosition reads what Position wrote.
func parsePosition(s string) (place, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return place{}, errNumber
	}
	return parseFile(s[:i], s[i+1:])
}
