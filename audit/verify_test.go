package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

func TestAGoodRecordVerifiesAndSaysThatNobodySigned(t *testing.T) {
	r := verify(closedNight(t))
	expect(t, r, 0)
	if r.Verdict != "VERIFIED" || !r.Closed || !strings.Contains(r.Level, "unendorsed") {
		t.Errorf("verdict %q closed %v level %q", r.Verdict, r.Closed, r.Level)
	}
	if r.Sealed != r.Entries {
		t.Errorf("%d of %d entries sealed", r.Sealed, r.Entries)
	}
	var text, js bytes.Buffer
	if err := r.Text(&text); err != nil || !strings.Contains(text.String(), "not checked: anchors") {
		t.Errorf("%v: %s", err, &text)
	}
	var back audit.Report
	if err := r.JSON(&js); err != nil || json.Unmarshal(js.Bytes(), &back) != nil || back.Head != r.Head {
		t.Errorf("%v: %s", err, &js)
	}
}

func TestWhatIsAskedForAndCannotBeCheckedIsNotVerified(t *testing.T) {
	dir := closedNight(t)
	expect(t, entries.Verify(dir, audit.VerifyOptions{Origin: origin, Quorum: 1}), 4, "U60-no-anchor")
	expect(t, entries.Verify(dir, audit.VerifyOptions{Origin: origin, Signers: &audit.AllowedSigners{}}), 4, "E21-operator-key")
	expect(t, entries.Verify(dir, audit.VerifyOptions{Origin: "audit.example/turquoise/20261121-other-0000"}), 1, "E23-")
}

// TestTampering changes the lines of a good record. Repaired rows are what a
// forger with a script, but without the session keys, can make.
func TestTampering(t *testing.T) {
	base := strings.Split(strings.TrimSuffix(read(t, segmentFile(closedNight(t), 1)), "\n"), "\n")
	at := func(kind string) int {
		return slices.IndexFunc(base, func(l string) bool { return strings.Contains(l, `"type":"`+kind+`"`) })
	}
	sub := func(kind, old, repl string) func([]string) []string {
		return func(l []string) []string {
			i := at(kind)
			if !strings.Contains(l[i], old) {
				t.Fatalf("no %q in %s", old, l[i])
			}
			l[i] = strings.Replace(l[i], old, repl, 1)
			return l
		}
	}
	repaired := func(f func([]string) []string) func([]string) []string {
		return func(l []string) []string { return renumber(f(l)) }
	}
	drop := func(keep func(string) bool) func([]string) []string {
		return func(l []string) []string { return slices.DeleteFunc(l, func(s string) bool { return !keep(s) }) }
	}
	cut := func(i int) func([]string) []string {
		return func(l []string) []string { return slices.Delete(l, i, i+1) }
	}
	for _, row := range []struct {
		name   string
		change func([]string) []string
		exit   int
		code   string
	}{
		{"executed command", sub("stmt.begin", "ALTER", "ALTEr"), 1, "E13-chain"},
		{"outcome", sub("step.outcome", `"ok":true`, `"ok":false`), 1, "E13-chain"},
		{"operator", sub("step.intent", "alice", "malic"), 1, "E13-chain"},
		{"edit, chain repaired", repaired(sub("stmt.begin", "ALTER", "ALTEr")), 1, "E25-seal-root"},
		{"delete a line", cut(4), 1, "entries were removed"},
		{"delete the first line", cut(0), 1, `E11-genesis 0001.jsonl:1 seq 1: the first entry is "key.next"`},
		{"swap two lines", func(l []string) []string { l[4], l[5] = l[5], l[4]; return l }, 1, "entries were reordered"},
		{"duplicate a line", func(l []string) []string { return slices.Insert(l, 4, l[4]) }, 1, "inserted or repeated"},
		{"insert a line, chain repaired", repaired(func(l []string) []string { return slices.Insert(l, 4, l[3]) }), 1, "E25-seal-root"},
		{"cut at a line end", func(l []string) []string { return l[:len(l)-3] }, 2, "I53-not-closed"},
		{"strip seals", repaired(drop(func(s string) bool {
			return !strings.Contains(s, `"type":"seal"`) && !strings.Contains(s, `"type":"key.next"`)
		})), 1, "E35-stripped"},
		{"other next key", repaired(func(l []string) []string {
			l[1] = strings.Replace(l[1], vkeyIn(l[1]), vkeyIn(l[len(l)-2]), 1)
			return l
		}), 1, "E24-seal"},
		{"next key gone", repaired(cut(1)), 1, "E26-ratchet"},
		{"last seal gone", func(l []string) []string { return l[:len(l)-1] }, 2, "I54-unsealed"},
		{"last seal's time", func(l []string) []string {
			l[len(l)-1] = strings.Replace(l[len(l)-1], `.0`, `.1`, 1)
			return l
		}, 1, "E24-seal"},
		{"second signature", func(l []string) []string {
			last := l[len(l)-1]
			sig := last[strings.Index(last, "— ") : strings.LastIndex(last, `\n`)+2]
			l[len(l)-1] = strings.Replace(last, sig, sig+sig, 1)
			return l
		}, 1, "carries 2 signatures"},
		{"duplicate key", sub("step.plan", `{"v":1,`, `{"v":1,"v":1,`), 1, "not in canonical form"},
		{"other case", sub("step.plan", `"seq":`, `"Seq":`), 1, "not in canonical form"},
		{"blank", sub("step.plan", `{"v":1,`, `{"v":1, `), 1, "not in canonical form"},
		{"respelled escape", sub("step.plan", `Freeze`, `\u0046reeze`), 1, "not in canonical form"},
		{"unknown key", sub("step.plan", `{"v":1,`, `{"x":1,"v":1,`), 1, `unknown field "x"`},
		{"unknown body key", sub("step.plan", `"body":{`, `"body":{"a":1,`), 1, "body of step.plan"},
		{"missing key", sub("step.plan", `"ref":null,`, ``), 1, "not in canonical form"},
		{"list as null", sub("step.intent", `"gates":[]`, `"gates":null`), 1, "not in canonical form"},
		{"unknown type", sub("step.plan", `"step.plan"`, `"step.plot"`), 1, `unknown entry type "step.plot"`},
		{"fraction", sub("stmt.end", `"took_us":1200`, `"took_us":1200.0`), 1, "E10-form"},
		{"too large", sub("stmt.end", `"took_us":1200`, `"took_us":9007199254740992`), 1, "beyond 2^53-1"},
		{"CRLF", func(l []string) []string { return strings.Split(strings.Join(l, "\r\n"), "\n") }, 1, "E10-form"},
		{"BOM", func(l []string) []string { l[0] = "\ufeff" + l[0]; return l }, 1, "E10-form"},
		{"newer version", sub("step.plan", `{"v":1,`, `{"v":2,`), 4, "U63-version"},
		{"line after the close", func(l []string) []string { return renumber(append(l, l[at("session.close")])) }, 3, "R31-after-close"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, segmentFile(dir, 1), strings.Join(row.change(slices.Clone(base)), "\n")+"\n")
			r := verify(dir)
			expect(t, r, row.exit, row.code)
		})
	}
}

func vkeyIn(line string) string {
	_, rest, _ := strings.Cut(line, `"vkey":"`)
	key, _, _ := strings.Cut(rest, `"`)
	return key
}

func TestMissingSegments(t *testing.T) {
	dir := t.TempDir()
	expect(t, verify(dir), 1, "E01-missing")
	c := &clock{}
	create(t, dir, options(c)).Release()
	for range 2 {
		l, _ := resume(t, dir, options(c))
		l.Release()
	}
	expect(t, verify(dir), 2, "I53-not-closed")
	os.Remove(segmentFile(dir, 2))
	expect(t, verify(dir), 1, "E02-segment-gap 0003.jsonl: expected 0002.jsonl, found 0003.jsonl")
}

func FuzzVerify(f *testing.F) {
	whole := read(f, segmentFile(closedNight(f), 1))
	f.Add([]byte(whole))
	f.Add([]byte(whole[:len(whole)/2]))
	f.Add([]byte(strings.ReplaceAll(whole, "— ", "")))
	f.Add([]byte(strings.ReplaceAll(whole, "+", "")))
	f.Add([]byte(`{"v":2}` + "\n"))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		write(t, segmentFile(dir, 1), string(data))
		r := verify(dir)
		rec, err := audit.Load(dir)
		// The three readers of a record share one walker and must not part ways.
		if r.Exit == 0 && (!r.Closed || r.Sealed != r.Entries || err != nil || !rec.Closed) {
			t.Fatalf("verified, closed %v, %d of %d sealed, load: %v", r.Closed, r.Sealed, r.Entries, err)
		}
		if r.Exit != 0 && len(r.Findings) == 0 {
			t.Fatalf("exit %d without a finding", r.Exit)
		}
	})
}
