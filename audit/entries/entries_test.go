package entries

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
)

// TestKeysStandInByteOrder keeps the order in which every line is hashed. The
// writer and verify both rely on the order of struct fields.
func TestKeysStandInByteOrder(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		var keys []string
		for i := range typ.NumField() {
			f := typ.Field(i)
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if key == "" || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
				t.Errorf("%s.%s: key %q", typ, f.Name, key)
			}
			switch k := f.Type.Kind(); {
			case k == reflect.Float64 || k == reflect.Float32 || k == reflect.Interface:
				t.Errorf("%s.%s: %s has more than one spelling", typ, f.Name, k)
			case k == reflect.Slice && !strings.Contains(f.Type.Name(), "List["):
				t.Errorf("%s.%s is a slice that can be null", typ, f.Name)
			}
			keys = append(keys, key)
			walk(f.Type)
		}
		if !slices.IsSorted(keys) {
			t.Errorf("%s: keys %v are not in byte order", typ, keys)
		}
	}
	for _, row := range table() {
		walk(reflect.TypeOf(row.Zero))
	}
}

func TestEveryTypeHasOneRowAndDecodesStrictly(t *testing.T) {
	types := Types()
	if len(types) != len(table()) {
		t.Errorf("%d names for %d rows", len(types), len(table()))
	}
	for name, row := range types {
		raw, err := json.Marshal(row.Zero)
		if err != nil {
			t.Fatal(err)
		}
		b, err := types.Decode(audit.Entry{Type: name, Body: raw})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if back, _ := json.Marshal(b); !bytes.Equal(raw, back) || bytes.Contains(raw, []byte("null")) && name != "approval.granted" {
			t.Errorf("%s: %s became %s", name, raw, back)
		}
		if reflect.TypeOf(b) != reflect.TypeOf(row.Zero) {
			t.Errorf("%s decodes to %T", name, b)
		}
		extra := append([]byte(`{"zzz":1`), raw[1:]...)
		if len(raw) > 2 {
			extra = append([]byte(`{"zzz":1,`), raw[1:]...)
		}
		if _, err := types.Decode(audit.Entry{Type: name, Body: extra}); err == nil {
			t.Errorf("%s takes an unknown key", name)
		}
		if row.Sealed && !row.Durable {
			t.Errorf("%s is sealed and not durable", name)
		}
	}
}

func TestStatementsOfAPlan(t *testing.T) {
	got := statements("turquoise plan v1\ntarget: blue postgresql 15 somewhere\n" +
		"action: 1 blue sql\n| SELECT 1\n| action: 9 blue sql\n| \nlimit: 5s\n" +
		"proof: of 1 green sql\n| SELECT 2\nwant: 2\n" +
		"abort: 1 router sock\n| resume\nundo: steps 1 2\n")
	want := []planned{
		{"action: 1", "blue", "sql", sha256.Sum256([]byte("SELECT 1\naction: 9 blue sql\n"))},
		{"proof: of 1", "green", "sql", sha256.Sum256([]byte("SELECT 2"))},
		{"abort: 1", "router", "sock", sha256.Sum256([]byte("resume"))},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestOkOfAnOutcome(t *testing.T) {
	for outcome, want := range map[string]*bool{Done: audit.OK(true), Refused: audit.OK(false), Unsent: audit.OK(false), Unclear: nil, "": nil} {
		if got := Ok(outcome); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %v", outcome, got)
		}
	}
}
