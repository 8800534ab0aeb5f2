package tablediff_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks/tablediff"
	"github.com/turquoise-db/turquoise/engines"
)

func row(hash, version string, key ...string) engines.RowHash {
	return engines.RowHash{Key: key, Hash: hash, Version: version, Count: 1}
}

// TestMergeFindsEveryClass compares two lists in any order.
func TestMergeFindsEveryClass(t *testing.T) {
	blue := []engines.RowHash{row("a", "", "1"), row("b", "", "2"), row("c", "", "3"), row("d", "", "4", "x")}
	green := []engines.RowHash{row("c", "", "3"), row("B", "", "2"), row("e", "", "5"), row("d", "", "4", "x")}
	for range 20 {
		rand.Shuffle(len(blue), func(i, j int) { blue[i], blue[j] = blue[j], blue[i] })
		rand.Shuffle(len(green), func(i, j int) { green[i], green[j] = green[j], green[i] })
		got := map[string]tablediff.Class{}
		for _, s := range tablediff.Merge(blue, green) {
			got[s.Key[0]] = s.Class
		}
		want := map[string]tablediff.Class{"1": tablediff.Missing, "2": tablediff.Different, "5": tablediff.Extra}
		if !maps.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
	}
}

// TestRowsWithoutAKeyAreCounted compares multisets: equal rows do not cancel.
func TestRowsWithoutAKeyAreCounted(t *testing.T) {
	n := func(hash string, n int64) engines.RowHash { return engines.RowHash{Hash: hash, Count: n} }
	got := tablediff.Merge([]engines.RowHash{n("a", 2), n("b", 4), n("c", 1)}, []engines.RowHash{n("a", 2), n("b", 2), n("d", 3)})
	var r tablediff.TableReport
	for _, s := range got {
		r.Count(s)
	}
	if r.Missing != 3 || r.Extra != 3 || r.Different != 0 {
		t.Errorf("%+v", r)
	}
}

// TestIDsOfKeysAreApart: no two keys have one text.
func TestIDsOfKeysAreApart(t *testing.T) {
	keys := []engines.Key{{"a", "b"}, {"ab"}, {"a", "", "b"}, {"a\x00", "b"}, {"a", "\x00b"}, {`a\0`, "b"}, {"a\\", "b"}, {""}, {"", ""}, {}}
	seen := map[string]engines.Key{}
	for _, k := range keys {
		if was, ok := seen[tablediff.ID(k)]; ok {
			t.Errorf("%q and %q have one id", was, k)
		}
		seen[tablediff.ID(k)] = k
	}
}

// TestWhatALookProves goes through what may have happened between two readings.
func TestWhatALookProves(t *testing.T) {
	at := func(r ...engines.RowHash) map[string]engines.RowHash {
		out := map[string]engines.RowHash{}
		for _, x := range r {
			out[tablediff.ID(x.Key)] = x
		}
		return out
	}
	none := at()
	for _, tt := range []struct {
		name                 string
		before, green, after map[string]engines.RowHash
		applied, linked      bool
		seen                 int
		want                 string
	}{
		{"equal to what blue had", at(row("a", "1", "k")), at(row("a", "", "k")), at(row("b", "2", "k")), true, true, 0, "gone"},
		{"equal to what blue has", at(row("a", "1", "k")), at(row("b", "", "k")), at(row("b", "2", "k")), true, true, 0, "gone"},
		{"gone on both", at(row("a", "1", "k")), none, none, true, true, 0, "gone"},
		{"did not move and differs", at(row("a", "1", "k")), at(row("b", "", "k")), at(row("a", "1", "k")), true, true, 0, "different"},
		{"missing", at(row("a", "1", "k")), none, at(row("a", "1", "k")), true, true, 0, "missing"},
		{"not applied yet", at(row("a", "1", "k")), none, at(row("a", "1", "k")), false, true, 5, "open"},
		{"there and back: the same hash, another version", at(row("a", "1", "k")), at(row("b", "", "k")), at(row("a", "3", "k")), true, true, 5, "open"},
		{"extra, could have come and gone", none, at(row("b", "", "k")), none, true, true, 0, "open"},
		{"extra, three times", none, at(row("b", "", "k")), none, true, true, 2, "extra"},
		{"no replication, once", at(row("a", "1", "k")), at(row("b", "", "k")), at(row("a", "1", "k")), false, false, 0, "open"},
		{"no replication, three times", at(row("a", "1", "k")), at(row("b", "", "k")), at(row("a", "1", "k")), false, false, 2, "different"},
	} {
		settled, open := tablediff.Settle([]tablediff.Suspect{{Key: engines.Key{"k"}, Seen: tt.seen}},
			tablediff.Look{Before: tt.before, Green: tt.green, After: tt.after, Applied: tt.applied, Linked: tt.linked})
		got := "gone"
		if len(open) == 1 {
			got = "open"
		}
		if len(settled) == 1 {
			got = settled[0].Class.String()
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestTheLoadLaw pauses above one level, stops above the other if seen twice.
func TestTheLoadLaw(t *testing.T) {
	l := tablediff.Limits{Max: 10, Critical: 50, Waiting: 2}
	loads := func(blue, green, waiting int) map[string]engines.Load {
		return map[string]engines.Load{"blue": {Active: blue}, "green": {Active: green, Waiting: waiting}}
	}
	var p tablediff.Pace
	for i, tt := range []struct {
		loads map[string]engines.Load
		err   error
		want  tablediff.Order
	}{
		{loads(1, 1, 0), nil, tablediff.Go}, {loads(11, 1, 0), nil, tablediff.Hold}, {loads(1, 11, 0), nil, tablediff.Hold}, {loads(1, 1, 3), nil, tablediff.Hold},
		{loads(1, 1, 0), fmt.Errorf("cut"), tablediff.Hold}, {map[string]engines.Load{"blue": {}}, nil, tablediff.Hold},
		{loads(60, 1, 0), nil, tablediff.Hold}, {loads(1, 1, 0), nil, tablediff.Go}, {loads(60, 1, 0), nil, tablediff.Hold}, {loads(1, 60, 0), nil, tablediff.Stop},
	} {
		if got, why := p.Next(l, tt.loads, tt.err); got != tt.want {
			t.Errorf("%d: %d (%s), want %d", i, got, why, tt.want)
		}
	}
}

// TestTheVerdictIsNeverTooGood: what nobody compared is not equal.
func TestTheVerdictIsNeverTooGood(t *testing.T) {
	equal := tablediff.TableReport{Table: "t", Verdict: tablediff.Equal}
	for _, tt := range []struct {
		name string
		r    tablediff.Report
		want tablediff.Answer
	}{
		{"nothing compared", tablediff.Report{}, tablediff.Unclear},
		{"all equal", tablediff.Report{Tables: []tablediff.TableReport{equal}}, tablediff.Equal},
		{"a note", tablediff.Report{Tables: []tablediff.TableReport{equal}, Notes: []tablediff.NoteReport{{Why: "unlogged"}}}, tablediff.Equal},
		{"something not compared", tablediff.Report{Tables: []tablediff.TableReport{equal}, Notes: []tablediff.NoteReport{{Blind: true}}}, tablediff.Unclear},
		{"a table on one side", tablediff.Report{Tables: []tablediff.TableReport{equal}, Notes: []tablediff.NoteReport{{Differs: true}}}, tablediff.Differ},
		{"a table unclear", tablediff.Report{Tables: []tablediff.TableReport{equal, {}}}, tablediff.Unclear},
		{"unclear and different", tablediff.Report{Tables: []tablediff.TableReport{{}, {Verdict: tablediff.Differ}}}, tablediff.Differ},
		{"schema", tablediff.Report{Tables: []tablediff.TableReport{equal}, Schema: []tablediff.SchemaDiff{{Kind: "index"}}}, tablediff.Differ},
		{"sequence behind", tablediff.Report{Tables: []tablediff.TableReport{equal}, Sequences: []tablediff.SequenceDiff{{Behind: true}}}, tablediff.Equal},
		{"sequence missing", tablediff.Report{Tables: []tablediff.TableReport{equal}, Sequences: []tablediff.SequenceDiff{{Differs: true}}}, tablediff.Differ},
	} {
		if tt.r.Judge(); tt.r.Verdict != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.r.Verdict, tt.want)
		}
	}
	for want, r := range map[tablediff.Answer]tablediff.TableReport{tablediff.Equal: {}, tablediff.Unclear: {Moving: 1}, tablediff.Differ: {Moving: 1, Missing: 1}} {
		if r.Judge(); r.Verdict != want {
			t.Errorf("%+v", r)
		}
	}
	if r := (tablediff.TableReport{Unnamed: 1}); true {
		if r.Judge(); r.Verdict != tablediff.Differ {
			t.Errorf("parts that differ and were not listed: %+v", r)
		}
	}
}

// TestETA says nothing where nobody can.
func TestETA(t *testing.T) {
	p := tablediff.Progress{Phase: "reading", Rows: 250, Total: 1000, Elapsed: 10 * time.Second}
	if d, ok := p.ETA(); !ok || d != 30*time.Second {
		t.Errorf("%s %v", d, ok)
	}
	for _, p := range []tablediff.Progress{{}, {Phase: "reading", Total: 5}, {Phase: "settling", Rows: 1, Total: 5, Elapsed: 1}} {
		if _, ok := p.ETA(); ok {
			t.Errorf("an ETA out of nothing: %+v", p)
		}
	}
}

// TestSchemaIsComparedThingByThing, whatever the order.
func TestSchemaIsComparedThingByThing(t *testing.T) {
	f := func(kind, object, is string) engines.SchemaFact {
		return engines.SchemaFact{Kind: kind, Object: object, Is: is}
	}
	blue := []engines.SchemaFact{f("grant", "t", "a SELECT"), f("grant", "t", "b SELECT"), f("column", "t.a", "int"), f("index", "i", "x")}
	green := []engines.SchemaFact{f("column", "t.a", "bigint"), f("grant", "t", "b SELECT"), f("extension", "e", "1")}
	got := tablediff.Schema(blue, green)
	want := []tablediff.SchemaDiff{{"column", "t.a", "int", "bigint"}, {"extension", "e", "", "1"}, {"grant", "t", "a SELECT", ""}, {"index", "i", "x", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
