package postgres

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// literals holds values of each built-in type that are stored, sent or printed
// in a way that versions and settings could change. An array is tested by its
// element's literals. What is not here is compared by binary form only if both
// sides run the same version of the extension, and arrays and composites of
// types of users by their text.
func literals() map[string][]string {
	return map[string][]string{
		"bool": {"t", "f"}, "int2": {"-32768", "7"}, "int4": {"-2147483648", "7"}, "int8": {"-9223372036854775808", "1", "4294967296"},
		"oid": {"4294967295"}, "text": {"", "a", "Straße \U0001F600"}, "varchar": {"", "abc"}, "bpchar": {"a  ", "a"}, "name": {"n"}, "char": {"x"},
		"bytea": {`\x00ff`, `\x`}, "uuid": {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		"float4": {"-0", "NaN", "1.1", "Infinity"}, "float8": {"-0", "NaN", "0.1", "-Infinity", "1e-300"},
		"numeric": {"1.00", "NaN", "-0.000001", "1e130", "0"}, "money": {"1234.56"},
		"date": {"2026-11-21", "infinity", "0044-03-15 BC"}, "time": {"23:59:59.999999", "24:00"}, "timetz": {"12:00+02", "10:00+00"},
		"timestamp": {"2026-11-21 03:00:00.000001", "infinity"}, "timestamptz": {"2026-11-21 03:00:00.000001+01", "-infinity"},
		"interval": {"1 day", "24:00:00", "1 mon -1 day 00:00:00.000001"},
		"json":     {`{"b":1,  "a":1.0}`, "null"}, "jsonb": {`{"b":1,"a":1.00}`, "null", `[]`}, "jsonpath": {"$.a[*] ? (@ > 1)"}, "xml": {"<a>b</a>"},
		"inet": {"10.0.0.1/8", "::1"}, "cidr": {"10.0.0.0/8"}, "macaddr": {"08:00:2b:01:02:03"}, "macaddr8": {"08:00:2b:01:02:03:04:05"},
		"bit": {"101"}, "varbit": {"101", ""}, "tsvector": {"'a':1A 'b':2"}, "tsquery": {"'a' & !'b'"}, "pg_lsn": {"16/B374D848"},
		"point": {"(1,-0)"}, "line": {"{1,2,3}"}, "lseg": {"[(0,0),(1,1)]"}, "box": {"(1,1),(0,0)"}, "path": {"((0,0),(1,1))"}, "polygon": {"((0,0),(1,1),(1,0))"}, "circle": {"<(0,0),1>"},
		"int4range": {"[1,5)", "empty"}, "int8range": {"[1,)"}, "numrange": {"(1.0,2.00]"}, "tsrange": {"[2026-01-01,2026-01-02)"},
		"tstzrange": {"[2026-01-01 00:00+01,)"}, "daterange": {"[2026-01-01,2026-02-01)"},
		"int4multirange": {"{[1,3),[5,9)}"}, "int8multirange": {"{}"}, "nummultirange": {"{(1.0,2.00]}"}, "tsmultirange": {"{}"}, "tstzmultirange": {"{}"}, "datemultirange": {"{[2026-01-01,2026-02-01)}"},
		"tid": {"(1,2)"}, "xid": {"7"}, "cid": {"7"}, "xid8": {"4294967297"}, "txid_snapshot": {"10:20:10,14"}, "pg_snapshot": {"10:20:10,14"},
		"oidvector": {"1 2"}, "int2vector": {"1 2"}, "refcursor": {"c"},
	}
}

// testable are the types of shapes for which there are literals; arrays of them
// count as themselves.
func testable(types []string) []string {
	have := literals()
	want := map[string]bool{}
	for _, t := range types {
		if _, ok := have[strings.TrimPrefix(t, "_")]; ok {
			want[t] = true
		}
	}
	return slices.Sorted(maps.Keys(want))
}

// probe is one row of answers for a type: how its literals are hashed, sent and
// printed here.
func probe(typ string, arrays bool, send string) string {
	elem := strings.TrimPrefix(typ, "_")
	vals := make([]string, 0, 5)
	for _, l := range literals()[elem] {
		vals = append(vals, typed(l, ident(elem)))
	}
	vals = append(vals, "NULL::"+ident(elem))
	if elem != typ {
		vals = []string{"ARRAY[" + strings.Join(vals, ", ") + "]", "'{}'::" + ident(typ)}
	}
	img := form{raw: true, arrays: arrays}.image(engines.ColumnShape{Name: "v", Base: typ, Class: "b", Send: send, Builtin: true})
	sent := sentForm(engines.ColumnShape{Name: "v", Base: typ, Class: "b", Send: send, Builtin: true})
	return "SELECT string_agg((" + form{arrays: arrays}.hash(img, "17") + ")::text, ' ' ORDER BY n), encode(sha256(string_agg(coalesce(" + sent +
		", 'null'::bytea), ';'::bytea ORDER BY n)), 'hex'), encode(sha256(convert_to(string_agg(coalesce(t.v::text, 'null'), ';' ORDER BY n), 'UTF8')), 'hex') FROM (VALUES (" +
		strings.Join(numbered(vals), "), (") + ")) t(v, n)"
}

func numbered(vs []string) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = v + ", " + itoa(i)
	}
	return out
}

// SelfTest hashes literals of the types. A type this server lacks, or cannot
// hash, is left out, and so is compared in a lesser way.
func (c *Comparer) SelfTest(ctx context.Context, types []string) (map[string]string, error) {
	// Every hash of a row ends with one of integers.
	ask := testable(append([]string{"int4", "int8"}, types...))
	sends, err := c.query(ctx, "read how types are sent", `SELECT t.typname, format('%I.%I', n.nspname, p.proname), current_setting('server_version_num')::int < 140000
 FROM pg_type t JOIN pg_proc p ON p.oid = t.typsend JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = ANY ($1::name[]) ORDER BY 1`, arrayText(ask))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range sends {
		typ := text(r, 0)
		rows, err := c.query(ctx, "test the hash of type "+typ, probe(typ, text(r, 2) == "t", text(r, 1)))
		if err != nil {
			return nil, err
		}
		out["hash "+typ], out["binary "+typ], out["text "+typ] = text(rows[0], 0), text(rows[0], 1), text(rows[0], 2)
	}
	return out, nil
}
