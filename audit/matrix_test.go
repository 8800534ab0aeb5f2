package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// matrixRow changes a copy of a good night, then verifies it as an auditor does.
type matrixRow struct {
	name   string
	change func(c *crew)
	verify func(*audit.VerifyOptions)
	exit   int
	codes  []string // among the findings; none: no finding at all
}

// copyOf gives the same night in a folder of its own.
func (c *crew) copyOf(t *testing.T) *crew {
	d := &crew{cast: c.cast, dir: t.TempDir(), heads: c.heads, runbook: c.runbook}
	d.t = t
	if err := os.CopyFS(d.dir, os.DirFS(c.dir)); err != nil {
		t.Fatal(err)
	}
	return d
}

// lineEdit changes the lines of the only segment.
func lineEdit(f func(l []string) []string) func(*crew) {
	return func(c *crew) { c.rewrite(f(c.lines())) }
}

func lineOf(l []string, kind string) int {
	return slices.IndexFunc(l, func(s string) bool { return strings.Contains(s, `"type":"`+kind+`"`) })
}

func swap(kind, old, repl string) func(*crew) {
	return lineEdit(func(l []string) []string {
		i := lineOf(l, kind)
		l[i] = strings.Replace(l[i], old, repl, 1)
		return l
	})
}

func repair(f func([]string) []string) func(*crew) {
	return lineEdit(func(l []string) []string { return renumber(f(l)) })
}

func noVouch(o *audit.VerifyOptions) { o.Vouches, o.Quorum = nil, 0 }

var seqPart = regexp.MustCompile(`"seq":\d+`)

func matrixBytes() []matrixRow {
	return []matrixRow{
		{"1 executed command", swap("stmt.begin", "ALTER", "ALTEr"), nil, 1, []string{"E13-chain", "the line before it was changed"}},
		{"2 outcome", swap("step.outcome", `"ok":true`, `"ok":false`), nil, 1, []string{"E13-chain"}},
		{"3 timestamp", swap("stmt.end", `"ts":"2026`, `"ts":"2025`), nil, 1, []string{"E13-chain"}},
		{"4 operator", swap("step.intent", "alice", "malic"), nil, 1, []string{"E13-chain"}},
		{"5 reason of an override", swap("check.override", "by hand", "in a dream"), nil, 1, []string{"E13-chain"}},
		{"6 delete a line", lineEdit(func(l []string) []string { return slices.Delete(l, 9, 10) }), nil, 1, []string{"sequence number 10 where 9 must stand: entries were removed"}},
		{"7 delete the first line", lineEdit(func(l []string) []string { return l[1:] }), nil, 1, []string{`the first entry is "key.next", not session.open: the beginning is missing`}},
		{"8 swap two lines", lineEdit(func(l []string) []string { l[4], l[5] = l[5], l[4]; return l }), nil, 1, []string{"entries were reordered"}},
		{"9 duplicate a line", lineEdit(func(l []string) []string { return slices.Insert(l, 9, l[8]) }), nil, 1, []string{"entries were inserted or repeated"}},
		{"10 insert a line, chain repaired", repair(func(l []string) []string { return slices.Insert(l, 9, l[8]) }), nil, 1, []string{"E25-seal-root", "E42-rewritten"}},
		{"11 edit, whole chain recomputed", repair(func(l []string) []string {
			i := lineOf(l, "stmt.begin")
			l[i] = strings.Replace(l[i], "ALTER", "ALTEr", 1)
			return l
		}), nil, 1, []string{"E25-seal-root", "E42-rewritten"}},
		{"12 cut at a line end", lineEdit(func(l []string) []string { return l[:len(l)-3] }), nil, 2, []string{"I53-not-closed"}},
		{"13 cut, a witness saw more", lineEdit(func(l []string) []string { return l[:lineOf(l, "step.outcome")] }), nil, 1,
			[]string{"E41-truncated", "witness w saw ", " entries at 2026-11-21T02:41:07Z, this log has ", ": the end was cut off"}},
		{"14 cut inside a line", func(c *crew) {
			text := read(c.t, segmentFile(c.dir, 1))
			write(c.t, segmentFile(c.dir, 1), text[:strings.Index(text, `"type":"session.close"`)])
		}, nil, 2, []string{"I51-torn"}},
		{"15 strip seals, chain repaired", repair(func(l []string) []string {
			return slices.DeleteFunc(l, func(s string) bool {
				return strings.Contains(s, `"type":"seal"`) || strings.Contains(s, `"type":"key.next"`)
			})
		}), nil, 1, []string{"session.open at seq 0 is not followed by key.next and seal: seals were stripped"}},
		{"16 seal of another key", repair(func(l []string) []string {
			l[len(l)-1] = strings.Replace(l[2], `"seq":2`, fmt.Sprintf(`"seq":%d`, len(l)-1), 1)
			return l
		}), nil, 1, []string{"E24-seal"}},
		{"17 other next key", repair(func(l []string) []string {
			l[1] = strings.Replace(l[1], vkeyIn(l[1]), vkeyIn(l[len(l)-2]), 1)
			return l
		}), nil, 1, []string{"E24-seal"}},
		{"18 duplicate key", swap("step.plan", `{"v":1,`, `{"v":1,"v":1,`), nil, 1, []string{"E10-form", "not in canonical form"}},
		{"19 other case", swap("step.plan", `"seq":`, `"Seq":`), nil, 1, []string{"not in canonical form"}},
		{"20 blank", swap("step.plan", `{"v":1,`, `{"v":1, `), nil, 1, []string{"not in canonical form"}},
		{"21 unknown key", swap("step.plan", `{"v":1,`, `{"x":1,"v":1,`), nil, 1, []string{`not a valid entry: json: unknown field "x"`}},
		{"22 CRLF", lineEdit(func(l []string) []string { return strings.Split(strings.Join(l, "\r\n")+"\r", "\n") }), nil, 1, []string{"not in canonical form"}},
		{"23 BOM", lineEdit(func(l []string) []string { l[0] = "\ufeff" + l[0]; return l }), nil, 1, []string{"not a valid entry: invalid character 'ï' looking for beginning of value"}},
		{"24 line after the close", repair(func(l []string) []string { return append(l, l[lineOf(l, "step.skipped")]) }), nil, 1, []string{"R31-after-close", "E33-file-signature"}},
		{"24 the same, file signed again", func(c *crew) {
			c.rewrite(renumber(append(c.lines(), c.lines()[lineOf(c.lines(), "session.close")])))
			c.signFile(c.alice)
		}, nil, 3, []string{"R31-after-close"}},
		{"37 second signature in the last seal", lineEdit(func(l []string) []string {
			last := l[len(l)-1]
			sig := last[strings.Index(last, "— ") : strings.LastIndex(last, `\n`)+2]
			l[len(l)-1] = strings.Replace(last, sig, sig+sig, 1)
			return l
		}), nil, 1, []string{"seal carries 2 signatures, must be one"}},
		{"40 unknown type", swap("step.plan", `"step.plan"`, `"step.plot"`), nil, 1, []string{`unknown entry type "step.plot"`}},
		{"40 unknown body key", swap("step.plan", `"body":{`, `"body":{"a":1,`), nil, 1, []string{"E10-form", "body of step.plan"}},
		{"40 fraction", swap("stmt.end", `"took_us":1200`, `"took_us":1200.0`), nil, 1, []string{"E10-form"}},
		{"40 too large", swap("stmt.end", `"took_us":1200`, `"took_us":9007199254740992`), nil, 1, []string{"beyond 2^53-1"}},
		{"41 newer version", swap("step.plan", `{"v":1,`, `{"v":2,`), noVouch, 4, []string{"entry version 2 is newer than this verifier (1)"}},
		{"a stub that lies about its line", lineEdit(func(l []string) []string {
			l[8] = `{"redacted":{"seq":8,"leaf":"` + strings.Repeat("0", 64) + `","why":"x"}}`
			return l
		}), func(o *audit.VerifyOptions) { o.Redacted = true }, 1, []string{"E13-chain"}},
	}
}

func TestTamperMatrixOfBytes(t *testing.T) { runMatrix(t, matrixBytes()) }

func runMatrix(t *testing.T, rows []matrixRow) {
	base := newCrew(t, people(t))
	base.all()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			c := base.copyOf(t)
			row.change(c)
			if row.verify == nil {
				row.verify = func(*audit.VerifyOptions) {}
			}
			r := c.check(row.verify)
			expect(t, r, row.exit, row.codes...)
			if strings.HasPrefix(row.name, "36b") && len(r.Findings) != 1 {
				t.Errorf("more than the withheld line: %v", r.Findings)
			}
		})
	}
}

func matrixFiles() []matrixRow {
	evidence := func(f func(path string)) func(*crew) {
		return func(c *crew) {
			names := must[[]string](c.t)(filepath.Glob(c.dir + "/evidence/*"))
			f(names[0])
		}
	}
	signers := func(options string) (func(*crew), func(*audit.VerifyOptions)) {
		var s *audit.AllowedSigners
		return func(c *crew) { s = c.allow(c.t, options) }, func(o *audit.VerifyOptions) { o.Signers = s }
	}
	late, lateSigners := signers(`valid-before="20261101Z"`)
	early, earlySigners := signers(`valid-after="20270101Z"`)
	elsewhere, elsewhereSigners := signers(`namespaces="file"`)
	expired := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	return []matrixRow{
		{"25 evidence changed", evidence(func(p string) { os.WriteFile(p, []byte("other"), 0o600) }), nil, 1, []string{"E32-evidence"}},
		{"26 evidence removed", evidence(func(p string) { os.Remove(p) }), nil, 2, []string{"I50-evidence"}},
		{"27 no segment", func(c *crew) { os.Remove(segmentFile(c.dir, 1)) }, nil, 1, []string{"E01-missing"}},
		{"28 another session in its place", func(*crew) {}, func(o *audit.VerifyOptions) { o.Origin = "audit.example/turquoise/20261121-other-0000" }, 1,
			[]string{"E23-endorsement-scope", "it was made for another log or another point in it"}},
		{"29 key no longer allowed", late, lateSigners, 4, []string{"E21-operator-key", "was no longer valid at 2026-11-21T02:00:00Z"}},
		{"29 key not yet allowed", early, earlySigners, 4, []string{"E21-operator-key", "was not yet valid at"}},
		{"29 key for other things", elsewhere, elsewhereSigners, 4, []string{`is not allowed for namespace "turquoise-session"`}},
		{"29 nobody known", func(*crew) {}, func(o *audit.VerifyOptions) { o.Signers = &audit.AllowedSigners{} }, 4, []string{"is not in allowed_signers", "E28-signer-key"}},
		{"30 closed file signed by another", func(c *crew) { c.signFile(c.bob) }, nil, 1, []string{"closed file is signed by another key than the operator's"}},
		{"30 signature of other bytes", func(c *crew) {
			sig := must[string](c.t)(audit.SignSSH(zeroes{}, c.alice, audit.NamespaceFile, []byte("other")))
			write(c.t, segmentFile(c.dir, 1)+".sig", sig)
		}, nil, 1, []string{"E33-file-signature"}},
		{"55 no file signature", func(c *crew) { os.Remove(segmentFile(c.dir, 1) + ".sig") }, nil, 2, []string{"I55-file-signature"}},
		{"31, 46 faulty receipt", func(*crew) {}, func(o *audit.VerifyOptions) {
			o.Vouches = []audit.Vouch{{Fault: &audit.Finding{Sev: audit.Unverified, Code: "U61-witness-unknown", Msg: "x"}}}
		}, 4, []string{"U61-witness-unknown", "U60-no-anchor"}},
		{"32 anchors removed", func(*crew) {}, func(o *audit.VerifyOptions) { o.Vouches = nil }, 4, []string{"U60-no-anchor"}},
		{"32 one of two anchors", func(*crew) {}, func(o *audit.VerifyOptions) { o.Quorum = 2 }, 4, []string{"only 1 of 2 required anchors vouch for this log"}},
		{"43 countersigned by the operator", func(c *crew) { c.countersign(alice, c.alice, nil) }, nil, 0, nil},
		{"43 countersigned over another head", func(c *crew) {
			c.countersign(bob, c.bob, func(v map[string]string) { v["head"] = "3 " + v["head"][2:] })
		}, nil, 1, []string{"E46-after", "countersign-bob@example.txt: it is over the head"}},
		{"43 countersigned by a stranger", func(c *crew) { c.countersign("mallory", c.bob, nil) }, nil, 1, []string{"E46-after", "the key belongs to"}},
		{"44 copy with other bytes", func(*crew) {}, func(o *audit.VerifyOptions) { o.Vouches = append(o.Vouches, copied(0, 3, "00", expired)) }, 1,
			[]string{"s3://b/k version v has other bytes than entries 0 to 2"}},
		{"45 tag of another history", func(*crew) {}, func(o *audit.VerifyOptions) {
			o.Vouches = append(o.Vouches, audit.Vouch{Kind: audit.AnchorServer, Name: "pg.log", Size: 12, Leaf: strings.Repeat("0", 32), File: "pg.log", Line: 7})
		}, 1, []string{"server log pg.log:7 carries n=11 h=0000", "the log was rewritten"}},
		{"36b honest redaction", redact("check.result"), func(o *audit.VerifyOptions) { o.Redacted = true }, 2, []string{"I56-redacted 0001.jsonl:8 seq 7: entry withheld (names a customer); its hash stands in chain and tree"}},
		{"36c stub in a whole record", redact("check.result"), nil, 1, []string{"E10-form"}},
		{"36 approval withheld", redact("approval.granted"), func(o *audit.VerifyOptions) { o.Redacted = true }, 2, []string{"I57-withheld"}},
		{"36 plan withheld", redact("step.plan"), func(o *audit.VerifyOptions) { o.Redacted = true }, 2, []string{"the plan of step 3.1 is withheld"}},
		{"36 seal withheld", redact("seal"), func(o *audit.VerifyOptions) { o.Redacted = true }, 1, []string{"E35-stripped"}},
		{"36 opening withheld", redact("session.open"), func(o *audit.VerifyOptions) { o.Redacted = true }, 1, []string{"E11-genesis"}},
		{"36 close withheld", redact("session.close"), func(o *audit.VerifyOptions) { o.Redacted = true }, 2, []string{"I53-not-closed"}},
		{"36 stub respelled", func(c *crew) {
			redact("check.result")(c)
			c.rewrite(strings.Split(strings.Replace(strings.Join(c.lines(), "\n"), `{"redacted":{`, `{"redacted": {`, 1), "\n"))
		}, func(o *audit.VerifyOptions) { o.Redacted = true }, 1, []string{"E34-redaction"}},
		{"a file that may not lie there", func(c *crew) {
			os.MkdirAll(c.dir+"/after", 0o700)
			write(c.t, c.dir+"/after/readme.txt", "x")
		}, nil, 1, []string{"E46-after"}},
	}
}

func TestTamperMatrixOfFiles(t *testing.T) { runMatrix(t, matrixFiles()) }

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func copied(first, size int64, sum string, until time.Time) audit.Vouch {
	return audit.Vouch{Kind: audit.AnchorS3, Name: "s3://b", Seer: "s3://b/k version v", First: first, Size: size, SHA256: sum, Until: until}
}

func redact(kind string) func(*crew) {
	return func(c *crew) {
		l := c.lines()
		i := lineOf(l, kind)
		leaf := audit.LeafHash([]byte(l[i]))
		l[i] = string(must[[]byte](c.t)(audit.StubLine(audit.Entry{Seq: int64(i), Leaf: leaf}, "names a customer")))
		c.rewrite(l)
	}
}

// TestForgedCleanNight is the attack that no key, chain or seal notices: the
// operator writes the whole night anew with the own key.
func TestForgedCleanNight(t *testing.T) {
	p := people(t)
	real, forged := newCrew(t, p), newCrew(t, p)
	for _, c := range []*crew{real, forged} {
		c.introduce()
		c.walk("3.1", "CHANGE", 0)
		if c == real { // what is to be forgotten
			c.put(op("3.1", -1), entries.Deviation{What: "dropped a table", Reason: "by mistake"})
			c.walk("3.1", "CHANGE", 0)
		}
		c.close()
	}
	whole := must[audit.Record](t)(audit.Load(real.dir))
	head := whole.Head
	sum := sha256.New()
	for _, l := range real.lines()[:6] {
		sum.Write([]byte(l + "\n"))
	}
	var intent audit.Entry
	for _, e := range whole.Entries {
		if e.Type == "step.intent" {
			intent = e
			break
		}
	}
	at := time.Date(2026, 11, 21, 2, 30, 0, 0, time.UTC)
	for _, row := range []struct {
		name  string
		vouch []audit.Vouch
		exit  int
		code  string
	}{
		{"33 witness", []audit.Vouch{witness(real.heads[0])}, 1, "witness w saw another history at"},
		{"34 ticket", []audit.Vouch{audit.TicketVouch(whole.Head)}, 1, "E41-truncated"},
		{"34 ticket of the first step", []audit.Vouch{audit.TicketVouch(real.heads[0])}, 1, "is not this log's: the log was rewritten"},
		{"timestamp", []audit.Vouch{{Kind: audit.AnchorTSA, Name: "tsa", Seer: "timestamp authority", At: at, Size: real.heads[0].Size, Root: &real.heads[0].Root}}, 1, "timestamp authority saw another history"},
		{"copy", []audit.Vouch{copied(0, 6, hex.EncodeToString(sum.Sum(nil)), at)}, 1, "E44-worm"},
		{"server log", []audit.Vouch{{Kind: audit.AnchorServer, Name: "blue", File: "pg.log", Line: 3, Size: intent.Seq + 1, Leaf: intent.Leaf.String()[:32]}}, 1, "E45-tag"},
		{"34b nobody outside, one asked for", nil, 4, "U60-no-anchor"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := audit.VerifyOptions{Origin: origin, Signers: p.signers, Quorum: 1, Vouches: row.vouch}
			expect(t, entries.Verify(forged.dir, o), row.exit, row.code)
			if row.vouch != nil { // the same word is no finding about the real night
				expect(t, entries.Verify(real.dir, o), 0)
			}
		})
	}
	// The hole, so that nobody claims otherwise: with no anchor asked for, the
	// forgery is a perfect record, and the report says what that is worth.
	r := entries.Verify(forged.dir, audit.VerifyOptions{Origin: origin, Signers: p.signers})
	expect(t, r, 0)
	if r.Level != "level L1 of 4: whoever holds the operator's key could have rewritten all of it" || len(r.NotChecked) == 0 {
		t.Errorf("level %q, not checked %q", r.Level, r.NotChecked)
	}
	if head.Size == 0 || !seqPart.MatchString(real.lines()[0]) {
		t.Error("the real night is empty")
	}
}
