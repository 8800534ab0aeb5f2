package runbooks

import (
	"strings"
	"testing"
)

// head is the smallest frame around the part that a row is about.
const head = `name: x
title: X
targets:
  blue: {engine: postgres, dsn: {env: B}}
  green: {engine: postgres, dsn: {env: G}}
`

// oneStep is a step with further lines.
func oneStep(more ...string) string {
	s := head + "phases:\n- name: p\n  steps:\n  - id: \"1.1\"\n    title: T\n    kind: probe\n    on: blue\n    risk: read\n"
	for _, l := range more {
		s += "    " + l + "\n"
	}
	return s
}

func TestBadRunbooksAreToldPlaceAndNextMove(t *testing.T) {
	rows := []struct{ name, src, want string }{
		{"unknown key", oneStep("tilte: x"), `x.yaml:14:5: step 1.1: unknown key "tilte"` + "\n" + `next: did you mean "title"?`},
		{"duplicate key", oneStep("kind: hold"), `x.yaml:14:5: step 1.1: duplicate key "kind": first in line 11` + "\n" + "next: keep one of the two"},
		{"wrong type", oneStep("args: [a]"), "x.yaml:14:11: step 1.1: args must be a map, not a list\nnext: write a map"},
		{"bool for text", oneStep("expect: true"), "x.yaml:14:13: step 1.1: expect must be text, not true or false\nnext: write text"},
		{"bad duration", oneStep("planned: 5"), `x.yaml:14:14: step 1.1: planned: bad duration "5"` + "\n" + `next: write a number with a unit: "500ms", "30s", "5m"`},
		{"unknown risk", strings.Replace(oneStep(), "risk: read", "risk: chnage", 1), `x.yaml:13:11: step 1.1: unknown risk "chnage"` + "\n" + `next: did you mean "change"?`},
		{"unknown target", strings.Replace(oneStep(), "on: blue", "on: bleu", 1), `x.yaml:12:9: step 1.1: unknown target "bleu"` + "\n" + `next: did you mean "blue"?`},
		{"unknown op", oneStep(`before: [{gauge: blue/lag_seconds, op: "=<", want: 2s}]`), `x.yaml:14:44: step 1.1: gate: unknown op "=<"` + "\n" + `next: did you mean "<"?`},
		{"want of another unit", oneStep(`before: [{gauge: blue/lag_seconds, op: "<", want: 2KiB}]`), `x.yaml:14:55: gate blue/lag_seconds: "2KiB" cannot be compared by <` + "\n" + `next: write a time: "2s", "500ms", "5min", "0"; blue/lag_seconds is measured in seconds`},
		{"gauge of no target", oneStep(`before: [{gauge: bleu/lag_seconds, op: "<", want: 2s}]`), `x.yaml:14:22: step 1.1: gauge "bleu/lag_seconds" is of no target` + "\n" + `next: did you mean "blue"?`},
		{"undo of no step", oneStep(`undo: "1.2"`), `x.yaml:14:11: step 1.1: undo names no step: "1.2"` + "\n" + `next: did you mean "1.1"?`},
		{"id of another phase", strings.Replace(oneStep(), `"1.1"`, `"2.1"`, 1), "x.yaml:9:9: step 2.1: the id does not belong to phase 1\nnext: ids here begin with \"1.\""},
		{"missing key", strings.Replace(oneStep(), "    title: T\n", "", 1), `x.yaml:9:5: step 1.1: missing key "title"` + "\n" + `next: add "title": a few words for the list and the card`},
		{"anchor", oneStep("why: &a b"), "x.yaml:14:10: step 1.1: why: anchors, aliases and tags are not part of the language\nnext: write the value out: what is read must stand where it is read"},
		{"relative path", strings.Replace(oneStep(), "{env: B}", "{file: b}", 1), `x.yaml:4:40: target blue: "b" is not an absolute path` + "\n" + "next: write the absolute path"},
		{"two references", strings.Replace(oneStep(), "{env: B}", "{env: B, file: /b}", 1), "x.yaml:4:33: targets.blue: dsn: must have exactly one key\nnext: name one of: env, file, service, passfile"},
		{"empty", "", "x.yaml:1:1: the file is empty\nnext: start with name, title, targets and phases"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			b, fs := Parse("x.yaml", []byte(r.src))
			if b != nil {
				t.Error("a refused book was handed out")
			}
			var got []string
			for _, f := range fs {
				got = append(got, f.String())
			}
			if strings.Join(got, "\n") != r.want {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), r.want)
			}
		})
	}
}

func TestAllFindingsAreToldAtOnceInTheOrderOfTheFile(t *testing.T) {
	_, fs := Parse("x.yaml", []byte(oneStep("planned: soon", "tilte: x", `undo: "9.9"`)))
	if len(fs) != 3 {
		t.Fatalf("got %d findings, want 3: %v", len(fs), fs)
	}
	for i := 1; i < len(fs); i++ {
		if fs[i].Line < fs[i-1].Line {
			t.Errorf("line %d after line %d", fs[i].Line, fs[i-1].Line)
		}
	}
}

func TestAPasswordIsRefusedAndNeverRepeated(t *testing.T) {
	const secret = "hunter2"
	for _, src := range []string{
		strings.Replace(oneStep(), "dsn: {env: B}", "dsn: postgres://me:"+secret+"@h/db", 1),
		strings.Replace(oneStep(), "engine: postgres, dsn: {env: B}", "engin: postgres, dsn: 'host=h password="+secret+"'", 1),
		oneStep() + "params:\n  c: {type: text, default: 'host=h password=" + secret + "'}\n",
		strings.Replace(oneStep(), "dsn: {env: B}", "dsn: {env: B}, params: {file: 'password="+secret+"'}", 1),
		strings.Replace(oneStep(), "dsn: {env: B}", "dsn: 'password="+secret, 1),
	} {
		b, fs := Parse("x.yaml", []byte(src))
		if b != nil || len(fs) == 0 {
			t.Errorf("accepted: %s", src)
		}
		for _, f := range fs {
			if strings.Contains(f.String()+f.Excerpt, secret) {
				t.Errorf("finding repeats the secret: %s\n%s", f, f.Excerpt)
			}
		}
	}
}

func TestExcerptPutsTheCaretBelowTheColumn(t *testing.T) {
	_, fs := Parse("x.yaml", []byte(oneStep("tilte: x")))
	if want := "    tilte: x\n    ^"; fs[0].Excerpt != want {
		t.Errorf("got %q, want %q", fs[0].Excerpt, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range Catalogue() {
		src, _ := Builtin(name)
		f.Add(src)
	}
	f.Add([]byte(oneStep("undo: none")))
	f.Add([]byte("a: {b: [*c, !d e, <<: f]}"))
	f.Add([]byte("? [x]\n: y"))
	f.Fuzz(func(t *testing.T, src []byte) {
		b, fs := Parse("f.yaml", src)
		if (b == nil) != Refused(fs) {
			t.Fatalf("book %v with findings %v", b != nil, fs)
		}
		for _, x := range fs {
			if x.Line < 1 || x.Column < 1 || x.Message == "" {
				t.Fatalf("finding without place or message: %+v", x)
			}
		}
		if b == nil {
			return
		}
		c, _ := Parse("f.yaml", b.Source)
		if c == nil || c.Digest != b.Digest || b.Digest != Digest(src) {
			t.Fatal("the source of a book does not parse to the same digest")
		}
		Lint(b, testCatalog())
		Sequence(b, true)
	})
}
