package mysql

import (
	"testing"
)

const (
	uuidA = "11111111-2222-3333-4444-555555555555"
	uuidB = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
)

func TestSetsOfTransactionIDs(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"empty":            {"", ""},
		"one":              {uuidA + ":5", uuidA + ":5"},
		"line feeds":       {uuidA + ":1-3,\n" + uuidB + ":7", uuidA + ":1-3," + uuidB + ":7"},
		"out of order":     {uuidA + ":8:1-3:4-5", uuidA + ":1-5:8"},
		"overlapping":      {uuidA + ":1-6:3-9", uuidA + ":1-9"},
		"upper case":       {"AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE:1", uuidB + ":1"},
		"tags":             {uuidA + ":1-3:blue:4-5", uuidA + ":1-3," + uuidA + ":blue:4-5"},
		"twice the source": {uuidA + ":1," + uuidA + ":2", uuidA + ":1-2"},
	} {
		s, err := parseGTIDs(tt.in)
		if err != nil || s.String() != tt.want {
			t.Errorf("%s: %q, %v; want %q", name, s, err, tt.want)
		}
	}
	for _, bad := range []string{"x", uuidA, uuidA + ":", uuidA + ":0", uuidA + ":5-3", uuidA + ":1-", "1-2-3", uuidA + ":-1", uuidA + ":99999999999999999999"} {
		if s, err := parseGTIDs(bad); err == nil {
			t.Errorf("%q was read as %q", bad, s)
		}
	}
}

func TestWhatOneSetHasAndAnotherLacks(t *testing.T) {
	for _, tt := range []struct {
		a, b, want string
		n          float64
	}{
		{uuidA + ":1-10", uuidA + ":1-10", "", 0},
		{uuidA + ":1-10", "", uuidA + ":1-10", 10},
		{"", uuidA + ":1-10", "", 0},
		{uuidA + ":1-10", uuidA + ":3:5-6", uuidA + ":1-2:4:7-10", 7},
		{uuidA + ":5-6", uuidA + ":1-10", "", 0},
		{uuidA + ":1-4", uuidB + ":1-4", uuidA + ":1-4", 4},
		{uuidA + ":1:tag:1-2", uuidA + ":1", uuidA + ":tag:1-2", 2},
	} {
		a, _ := parseGTIDs(tt.a)
		b, _ := parseGTIDs(tt.b)
		if got := a.minus(b); got.String() != tt.want || got.count() != tt.n {
			t.Errorf("%s without %s: %s, %.0f; want %s, %.0f", tt.a, tt.b, got, got.count(), tt.want, tt.n)
		}
	}
}

func TestPlacesAreCompared(t *testing.T) {
	ids := func(maria bool, s string) place {
		p, err := parseIDs(maria, s)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	file := func(f, n string) place {
		p, err := parseFile(f, n)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, tt := range map[string]struct {
		p, q place
		want float64
	}{
		"mysql":              {ids(false, uuidA+":1-9"), ids(false, uuidA+":1-7"), 2},
		"mysql, nothing yet": {ids(false, uuidA+":1-9"), ids(false, ""), 9},
		"maria":              {ids(true, "0-21-30,1-5-4"), ids(true, "0-21-28"), 6},
		"maria, more there":  {ids(true, "0-21-30"), ids(true, "0-22-31"), 0},
		"maria, empty there": {ids(true, "0-21-3"), ids(true, ""), 3},
		"position":           {file("bin.000012", "500"), file("bin.000012", "420"), 80},
		"a file more":        {file("bin.000013", "4"), file("bin.000012", "99999"), 4},
		"a file less":        {file("bin.000009", "400"), file("bin.000010", "4"), 0},
		"more than 6 digits": {file("bin.1000000", "4"), file("bin.999999", "4"), 4},
	} {
		if got := tt.p.missing(tt.q); got != tt.want || tt.p.in(tt.q) != (tt.want == 0) {
			t.Errorf("%s: %.0f missing, want %.0f", name, got, tt.want)
		}
	}
	for _, bad := range [][2]string{{"", "4"}, {"bin", "4"}, {"bin.x", "4"}, {"bin.000001", ""}, {"bin.000001", "-4"}} {
		if p, err := parseFile(bad[0], bad[1]); err == nil {
			t.Errorf("%v was read as %+v", bad, p)
		}
	}
	for _, bad := range []string{"0-1", "0-1-x", "a", "0-1-2-3", "0-1-2,"} {
		if p, err := parseMaria(bad); err == nil {
			t.Errorf("%q was read as %v", bad, p)
		}
	}
}

// FuzzGTIDs: whatever is read prints as something that reads the same, and a set
// is never short of itself.
func FuzzGTIDs(f *testing.F) {
	for _, s := range []string{"", uuidA + ":1-3:5", uuidA + ":1-3,\n" + uuidB + ":tag:7-9", "0-1-2", ":", uuidA + ":1-9223372036854775807"} {
		f.Add(s, uuidA+":2")
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		a, err := parseGTIDs(x)
		if err != nil {
			return
		}
		again, err := parseGTIDs(a.String())
		if err != nil || again.String() != a.String() {
			t.Fatalf("%q: printed %q, read %q, %v", x, a, again, err)
		}
		if left := a.minus(a); left.count() != 0 {
			t.Fatalf("%q is short of itself: %s", x, left)
		}
		b, err := parseGTIDs(y)
		if err != nil {
			return
		}
		// What is missing and what is shared make up the whole.
		missing := a.minus(b)
		if shared := a.minus(missing); a.count() < 1<<50 && shared.count()+missing.count() != a.count() {
			t.Fatalf("%s, %s: %s and %s", a, b, shared, missing)
		}
	})
}

// FuzzMaria: what is read is within itself.
func FuzzMaria(f *testing.F) {
	for _, s := range []string{"", "0-21-4711", "0-1-2,1-2-3", "0-1", "-,-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseIDs(true, s)
		if err == nil && !p.in(p) {
			t.Fatalf("%q is short of itself", s)
		}
	})
}
