package tui

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/turquoise-db/turquoise/session"
)

// In ASCII, what is not ASCII is written out as <U+XXXX>, before anything is
// measured: a stand-in for all of them would show two different statements as
// the same. Signs of our own have stand-ins of one cell each, but not within text
// that is run: there every character counts.

// spelled writes text out for this theme. Signs of our own stay; render knows
// their stand-ins.
func (th *Theme) spelled(s string) string {
	if !th.ASCII {
		return s
	}
	return spell(s, false)
}

// spell writes out what is not ASCII; exact text also has its signs written out.
func spell(s string, exact bool) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < 0x80
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); { // lines and tabs stay: they are cleaned when they are drawn
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteByte(s[i-1])
		case !exact && r == '≤': // one cell would make it another comparison
			b.WriteString("<=")
		case !exact && r == '≥':
			b.WriteString(">=")
		case !exact && r == '→':
			b.WriteString("->")
		case r < 0x80 || !exact && strings.ContainsRune(glyphs, r):
			b.WriteRune(r)
		default:
			b.WriteString(escaped(r))
		}
	}
	return b.String()
}

// exactFields are texts that are run or hashed, by the names of their fields.
const exactFields = " Text PlanText "

// spelledCopy is a copy of a snapshot or a card with its text written out. Ids
// keep their bytes, for they find things and go back to the session; so does the
// word that must be typed.
func spelledCopy[T session.Snapshot | session.Card](x T) T {
	v := reflect.ValueOf(&x).Elem()
	spellValue(v)
	return x
}

// spellValue writes out the strings in v, which is addressable and ours; what it
// points to is copied first, for others look at it too.
func spellValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		t := v.Type()
		if t.PkgPath() == "time" {
			return
		}
		for i := range v.NumField() {
			f, name := v.Field(i), t.Field(i).Name
			switch {
			case f.Kind() == reflect.String:
				if f.Type() == reflect.TypeFor[string]() && name != "ID" && name != "Word" {
					exact := strings.Contains(exactFields, " "+name+" ") && t == reflect.TypeFor[session.Statement]() || name == "PlanText"
					f.SetString(spell(f.String(), exact))
				}
			default:
				spellValue(f)
			}
		}
	case reflect.Slice:
		if v.IsNil() || v.Type().Elem().Kind() == reflect.Float64 {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			spellElement(c.Index(i))
		}
		v.Set(c)
	case reflect.Array:
		for i := range v.Len() {
			spellElement(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			return
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(it.Value())
			spellElement(e)
			c.SetMapIndex(it.Key(), e)
		}
		v.Set(c)
	}
}

func spellElement(v reflect.Value) {
	if v.Kind() == reflect.String {
		v.SetString(spell(v.String(), false))
		return
	}
	spellValue(v)
}
