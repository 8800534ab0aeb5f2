package engines

import "testing"

func TestParseObject(t *testing.T) {
	for in, want := range map[string]Object{
		"column given_name":                     {"column", "given_name", "", false},
		"column given_name text not null":       {"column", "given_name", "text not null", false},
		" no  column name ":                     {"column", "name", ObjectAbsent, false},
		"index customer_family_i valid":         {"index", "customer_family_i", "valid", false},
		"function tq.name_down(text, text)":     {"function", "tq.name_down(text, text)", "", false},
		"no function tq.customer_sync()":        {"function", "tq.customer_sync()", ObjectAbsent, false},
		"constraint customer_name_nn not valid": {"constraint", "customer_name_nn", "not valid", false},
		"no column name text not null":          {"column", "name", "text not null", true},
		"no procedure tq.fill()":                {"procedure", "tq.fill()", ObjectAbsent, false},
	} {
		got, err := ParseObject(in)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
			continue
		}
		if again, err := ParseObject(got.String()); err != nil || again != got {
			t.Errorf("%q prints as %q", in, got)
		}
	}
	for _, in := range []string{"", "column", "view v", "function f", "procedure tq.fill", "no"} {
		if o, err := ParseObject(in); err == nil {
			t.Errorf("%q reads as %+v", in, o)
		}
	}
	if os, err := ParseObjects("column a; function f(int, int);"); err != nil || len(os) != 2 {
		t.Errorf("%v, %v", os, err)
	}
	if _, err := ParseObjects(" ; "); err == nil {
		t.Error("an empty list is a list")
	}
}

// TestGeneration walks every state that an old and two new objects and one of
// the time between can have.
func TestGeneration(t *testing.T) {
	states := []ObjectReading{{}, {Present: true}, {Present: true, Valid: true}}
	for i, old := range states {
		for j, a := range states {
			for k, b := range states {
				for l, both := range states {
					want := ShapePartial
					switch [4]int{i, j, k, l} {
					case [4]int{2, 0, 0, 0}:
						want = ShapeOld
					case [4]int{2, 2, 2, 2}:
						want = ShapeBoth
					case [4]int{0, 2, 2, 0}:
						want = ShapeNew
					}
					if got := Generation([]ObjectReading{old}, []ObjectReading{a, b}, []ObjectReading{both}); got != want {
						t.Errorf("old %+v, new %+v %+v, between %+v: want %s, got %s", old, a, b, both, want, got)
					}
				}
			}
		}
	}
	if got := Generation(nil, nil, nil); got != ShapePartial {
		t.Errorf("nothing was read, and it is called %s", got)
	}
}
