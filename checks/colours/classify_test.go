package colours

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

func n(v int64) Number { return Number{N: v, Known: true} }

// at is a world at rest: nobody is where he should not be.
func at(live, gen string) Facts {
	f := Facts{Live: live, Generation: gen, Left: n(0), Mismatch: n(0), Detail: n(0), Unproven: n(0), Clients: map[engines.Colour]Client{}}
	for _, k := range engines.Colours() {
		f.Clients[k] = Client{Sessions: n(0), Login: LoginOpen}
	}
	if live != "blue" && live != Mixed {
		f.Clients[engines.Blue] = Client{Sessions: n(0), Login: LoginShut}
	}
	return f
}

func with(f Facts, k engines.Colour, c Client) Facts {
	f.Clients[k] = c
	return f
}

func left(f Facts, l, m Number) Facts {
	f.Left, f.Mismatch = l, m
	return f
}

func unproven(f Facts, c Number) Facts {
	f.Unproven = c
	return f
}

func TestClassify(t *testing.T) {
	const old, both, partial, latest = engines.ShapeOld, engines.ShapeBoth, engines.ShapePartial, engines.ShapeNew
	late := at(Mixed, old)
	late.MixedFor = 31 * time.Second
	for name, tt := range map[string]struct {
		f    Facts
		want string
		says string // in conflicts, unknowns or the way back
	}{
		"blue serves":                       {at("blue", old), "S0", "nothing was changed"},
		"turquoise is deployed":             {with(at("blue", old), engines.Turquoise, Client{Sessions: n(2), Login: LoginOpen}), "S1", "undeploy"},
		"traffic moves to turquoise":        {at(Mixed, old), "S1→S2", ""},
		"blue drains":                       {with(at("turquoise", old), engines.Blue, Client{Sessions: n(1), Login: LoginShut}), "S1→S2", ""},
		"blue may still log in":             {with(at("turquoise", old), engines.Blue, Client{Sessions: n(0), Login: LoginOpen}), "S1→S2", ""},
		"turquoise serves":                  {at("turquoise", old), "S2", "requests to blue"},
		"half expanded":                     {at("turquoise", partial), "S2→S3", ""},
		"rows are left":                     {left(at("turquoise", both), n(5), n(0)), "S3", "drop the new shape"},
		"rows disagree":                     {left(at("turquoise", both), n(0), n(1)), "S3", "drop the new shape"},
		"a constraint is not validated":     {unproven(at("turquoise", both), n(1)), "S3", "drop the new shape"},
		"nobody read constraints":           {unproven(at("turquoise", both), Number{}), "unknown", "constraints"},
		"a part of the new shape":           {at("turquoise", engines.ShapePartial), "S2→S3", "drop what is there of the new shape, then let blue log in"},
		"green serves, turquoise shut":      {with(at("green", both), engines.Turquoise, Client{Sessions: n(0), Login: LoginShut}), "S5", "let turquoise log in, then requests to turquoise"},
		"turquoise serves, blue may log in": {with(at("turquoise", old), engines.Blue, Client{Sessions: n(0), Login: LoginOpen}), "S1→S2", "safe: requests to blue"},
		"requests move to green":            {at(Mixed, both), "S4→S5", "safe: requests to turquoise"},
		"every row has both":                {at("turquoise", both), "S4", "drop the new shape"},
		"traffic moves to green":            {at(Mixed, both), "S4→S5", ""},
		"green serves":                      {at("green", both), "S5", "safe: requests to turquoise"},
		"green serves, rows disagree":       {left(at("green", both), n(0), n(3)), "S5", "NOT SAFE: 3 rows differ"},
		"green serves, nobody counted":      {left(at("green", both), n(0), Number{}), "S5", "NOT KNOWN"},
		"half contracted":                   {at("green", partial), "S5→S6", "NONE"},
		"contracted":                        {at("green", latest), "S6", "NONE"},

		"blue meets both shapes":       {at("blue", both), "CONFLICT", "blue does not know"},
		"blue meets a part":            {at("blue", partial), "CONFLICT", "blue does not know"},
		"blue meets the new shape":     {at("blue", latest), "CONFLICT", "blue does not know"},
		"green meets the old shape":    {at("green", old), "CONFLICT", "green does not know"},
		"turquoise after the contract": {at("turquoise", latest), "CONFLICT", "turquoise needs the old one"},
		"mixed for too long":           {late, "CONFLICT", "for 31s"},
		"mixed on a part":              {at(Mixed, partial), "CONFLICT", "more than one colour"},
		"a forgotten worker of blue":   {with(at("turquoise", both), engines.Blue, Client{Sessions: n(1), Login: LoginShut}), "CONFLICT", "1 sessions of blue"},
		"turquoise on the new shape":   {with(at("green", latest), engines.Turquoise, Client{Sessions: n(2), Login: LoginShut}), "CONFLICT", "2 sessions of turquoise"},
		"served and shut out":          {with(at("blue", old), engines.Blue, Client{Sessions: n(0), Login: LoginShut}), "CONFLICT", "cannot log in"},

		"nobody asked the router":   {at("", old), "unknown", "which colour"},
		"nobody read the catalog":   {at("turquoise", ""), "unknown", "shape of the table"},
		"nobody counted sessions":   {with(at("turquoise", old), engines.Blue, Client{Login: LoginShut}), "unknown", "sessions of blue"},
		"nobody counted rows":       {left(at("turquoise", both), Number{}, n(0)), "unknown", "left to fill"},
		"nobody compared rows":      {left(at("turquoise", both), n(0), Number{}), "unknown", "rows disagree"},
		"a colour nobody has named": {at("violet", old), "unknown", "violet"},
	} {
		r := Classify(tt.f)
		way, _ := WayBack(r, tt.f, nil)
		if r.Word() != tt.want {
			t.Errorf("%s: want %s, got %s (%+v)", name, tt.want, r.Word(), r)
		}
		if all := strings.Join(append(append(r.Conflicts, r.Unknown...), way), "\n"); !strings.Contains(all, tt.says) {
			t.Errorf("%s: nothing says %q: %s", name, tt.says, all)
		}
	}
}

// may lists what each combination of router and shape may be called at all; the
// other facts choose among them.
func may(live, gen string) []string {
	if live == "" || gen == "" {
		return []string{"unknown", "CONFLICT"}
	}
	switch live + " " + gen {
	case "blue B":
		return []string{"S0", "S1", "unknown", "CONFLICT"}
	case "turquoise B":
		return []string{"S1→S2", "S2", "unknown"}
	case "turquoise partial":
		return []string{"S2→S3", "unknown", "CONFLICT"}
	case "turquoise B+G":
		return []string{"S3", "S4", "unknown", "CONFLICT"}
	case "green B+G":
		return []string{"S5", "unknown", "CONFLICT"}
	case "green partial":
		return []string{"S5→S6", "unknown", "CONFLICT"}
	case "green G":
		return []string{"S6", "unknown", "CONFLICT"}
	case Mixed + " B":
		return []string{"S1→S2"}
	case Mixed + " B+G":
		return []string{"S4→S5", "CONFLICT"}
	}
	return []string{"CONFLICT"}
}

// TestEveryCombination walks all facts: what is not known never counts as zero,
// and a session of blue on anything but its own shape is never silent.
func TestEveryCombination(t *testing.T) {
	counts := []Number{{}, n(0), n(3)}
	seen := map[string]int{}
	total := 0
	for _, live := range []string{"", "blue", "turquoise", "green", Mixed} {
		for _, gen := range []string{"", engines.ShapeOld, engines.ShapePartial, engines.ShapeBoth, engines.ShapeNew} {
			for _, blue := range counts {
				for _, turq := range counts {
					for _, login := range []Login{LoginUnknown, LoginOpen, LoginShut} {
						for _, l := range counts {
							for _, m := range counts {
								f := left(at(live, gen), l, m)
								f.Clients[engines.Blue] = Client{Sessions: blue, Login: login}
								f.Clients[engines.Turquoise] = Client{Sessions: turq, Login: LoginOpen}
								total++
								seen[check(t, f)]++
							}
						}
					}
				}
			}
		}
	}
	for _, w := range []string{"S0", "S1", "S1→S2", "S2", "S2→S3", "S3", "S4", "S4→S5", "S5", "S5→S6", "S6", "CONFLICT", "unknown"} {
		if seen[w] == 0 {
			t.Errorf("no combination reads %s", w)
		}
	}
	t.Logf("%d combinations: %v", total, seen)
}

func check(t *testing.T, f Facts) string {
	t.Helper()
	r := Classify(f)
	w := r.Word()
	bad := func(why string) { t.Errorf("%s: %+v gives %+v", why, f, r) }
	if !slices.Contains(may(f.Live, f.Generation), w) {
		bad("not one of " + strings.Join(may(f.Live, f.Generation), " "))
	}
	blue := f.Clients[engines.Blue]
	if f.Generation != "" && f.Generation != engines.ShapeOld && blue.Sessions.N > 0 && w != "CONFLICT" {
		bad("blue is connected to a shape that it does not know, and nobody says so")
	}
	if f.Live == "turquoise" && f.Generation != engines.ShapeNew && !blue.Sessions.Known && w != "unknown" {
		bad("the sessions of blue are not known")
	}
	if w == "S2" && (blue.Login != LoginShut || blue.Sessions != n(0)) {
		bad("S2 while blue could come back")
	}
	if w == "S4" && (f.Left != n(0) || f.Mismatch != n(0)) {
		bad("S4 while rows are left, disagree, or were not counted")
	}
	text, safe := WayBack(r, f, nil)
	if safe && (w == "CONFLICT" || w == "unknown" || w == "S6" || w == "S5" && f.Mismatch != n(0)) {
		bad("a way back is called safe: " + text)
	}
	if again := Classify(f); again.Word() != w {
		bad("another reading of the same facts")
	}
	return w
}

func TestAFeatureWithoutDownEndsTheWayBack(t *testing.T) {
	f := at("green", engines.ShapeBoth)
	if text, safe := WayBack(Classify(f), f, []string{"middle names"}); !safe || !strings.Contains(text, "until middle names") {
		t.Errorf("got %q", text)
	}
}

func TestLoses(t *testing.T) {
	both := engines.ShapeBoth
	rich := left(at("turquoise", both), n(3), n(0))
	rich.Detail = n(4)
	dim := at("turquoise", both)
	dim.Detail = Number{}
	for want, f := range map[string]Facts{
		"nothing": at("green", both), "the detail of 4 rows": rich, "what only the new shape holds": dim,
		"what differs in 2 rows": left(at("green", both), n(0), n(2)), "what was written since the backup": at("green", engines.ShapePartial),
		"nobody can say what": at("blue", both),
	} {
		if got := Loses(Classify(f), f); got != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}
