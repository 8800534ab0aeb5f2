package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// insider is somebody who holds the operator's key and a program of the own: all
// chains, seals and endorsements of what it writes are good. It is written from
// the specification alone and shares no code with the package.
type insider struct {
	c      *crew
	leaves [][32]byte
	key    ed25519.PrivateKey
	next   ed25519.PrivateKey
	prev   string
}

func (in *insider) newKey() (ed25519.PrivateKey, string) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		in.c.t.Fatal(err)
	}
	id := sha256.Sum256(append([]byte(origin+"\n\x01"), pub...))
	return priv, fmt.Sprintf("%s+%08x+%s", origin, binary.BigEndian.Uint32(id[:]), base64.StdEncoding.EncodeToString(append([]byte{1}, pub...)))
}

func plainRoot(x [][32]byte) [32]byte {
	if len(x) == 1 {
		return x[0]
	}
	k := 1
	for 2*k < len(x) {
		k *= 2
	}
	l, r := plainRoot(x[:k]), plainRoot(x[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

func (in *insider) note(size int) string {
	root := plainRoot(in.leaves)
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
	id := sha256.Sum256(append([]byte(origin+"\n\x01"), in.key.Public().(ed25519.PublicKey)...))
	sig := append(slices.Clone(id[:4]), ed25519.Sign(in.key, []byte(text))...)
	return text + "\n— " + origin + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

var (
	typeField = regexp.MustCompile(`"type":"([a-z.]+)"`)
	tagHash   = regexp.MustCompile(`h=[0-9a-f]{32}`)
)

func rebody(line string, body any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		panic(err)
	}
	head, _, _ := strings.Cut(line, `"body":`)
	return head + `"body":` + strings.TrimSpace(b.String()) + "}"
}

// write gives lines that all belong together again: numbers, chain, tags, keys,
// seals and the operator's endorsement.
func (in *insider) write(lines []string) []string {
	in.prev = strings.Repeat("0", 64)
	out := make([]string, len(lines))
	intent := ""
	for i, l := range lines {
		l = prevField.ReplaceAllString(seqField.ReplaceAllString(l, fmt.Sprintf(`{"v":1,"seq":%d,`, i)), `"prev":"`+in.prev+`"`)
		switch typeField.FindStringSubmatch(l)[1] {
		case "session.open":
			l = in.open(l, i)
		case "key.next":
			var vkey string
			in.next, vkey = in.newKey()
			l = rebody(l, audit.KeyNext{VKey: vkey})
		case "seal":
			l = rebody(l, audit.Seal{Note: in.note(i)})
			if in.next != nil {
				in.key, in.next = in.next, nil
			}
		case "stmt.begin":
			l = tagHash.ReplaceAllString(l, "h="+intent)
		}
		leaf := sha256.Sum256(append([]byte{0}, l...))
		if strings.Contains(l, `"type":"step.intent"`) {
			intent = fmt.Sprintf("%x", leaf[:16])
		}
		in.leaves, in.prev, out[i] = append(in.leaves, leaf), fmt.Sprintf("%x", leaf), l
	}
	return out
}

func (in *insider) open(l string, seq int) string {
	var vkey string
	in.key, vkey = in.newKey()
	_, raw, _ := strings.Cut(l, `"body":`)
	var b entries.SessionOpen
	if err := json.Unmarshal([]byte(strings.TrimSuffix(raw, "}")), &b); err != nil {
		in.c.t.Fatal(err)
	}
	text, err := endorsementText(audit.Opening{Origin: origin, Sid: sid, VKey: vkey, Seq: int64(seq), Prev: in.prev, Segment: 1}, in.c.clock.now())
	if err != nil {
		in.c.t.Fatal(err)
	}
	b.VKey, b.Endorsement, b.Signature = vkey, text, in.c.sign(in.c.alice, audit.NamespaceSession, text)
	return rebody(l, b)
}

// TestAnInsiderIsHeldToTheRules: with the operator's key every byte can be made
// anew, but not every order of lines.
func TestAnInsiderIsHeldToTheRules(t *testing.T) {
	base := newCrew(t, people(t))
	base.introduce()
	base.walk("3.1", "CHANGE", 0)
	base.close()
	find := func(l []string, kind string) int { return lineOf(l, kind) }
	for _, row := range []struct {
		name   string
		change func(l []string) []string
		exit   int
		codes  []string
	}{
		{"34b nothing but another text", func(l []string) []string { return l }, 0, nil},
		{"38 key.next moved", func(l []string) []string { l[1], l[3] = l[3], l[1]; return l }, 1, []string{"E26-ratchet", "no next key directly before this seal"}},
		{"38 key.next doubled", func(l []string) []string { return slices.Insert(l, 1, l[1]) }, 1, []string{"E26-ratchet"}},
		{"R10 command before the seal", func(l []string) []string {
			i := find(l, "stmt.begin") // intent, key.next, seal, stmt.begin
			stamp := regexp.MustCompile(`"ts":"[^"]*","mono":\d+`)
			l[i] = stamp.ReplaceAllString(l[i], stamp.FindString(l[i-2]))
			l[i+1] = strings.Replace(l[i+1], fmt.Sprintf(`"ref":%d`, i), fmt.Sprintf(`"ref":%d`, i-2), 1)
			return append(append(slices.Clone(l[:i-2]), l[i], l[i-2], l[i-1]), l[i+1:]...)
		}, 3, []string{"R38-not-sealed", "command sent before its intent was sealed"}},
		{"R13 two outcomes", func(l []string) []string {
			i := find(l, "step.outcome")
			return slices.Insert(l, i, l[i])
		}, 3, []string{"R40-two-outcomes"}},
		{"R14 no outcome", func(l []string) []string {
			i := find(l, "step.outcome")
			return slices.Delete(l, i, i+1)
		}, 2, []string{"I52-in-doubt", "step 3.1 has an intent and no outcome"}},
		{"R15 plan is not its digest", func(l []string) []string {
			i := find(l, "step.plan")
			l[i] = strings.Replace(l[i], "title: Freeze", "title: Thaw", 1)
			return l
		}, 1, []string{"E31-plan"}},
		{"R16 clock set back", func(l []string) []string {
			i := find(l, "stmt.end")
			l[i] = strings.Replace(l[i], "T02:", "T01:", 1)
			return l
		}, 3, []string{"R30-clock", "wall clock moved -1h0m0"}},
		{"14 another session's line", func(l []string) []string {
			i := find(l, "stmt.end")
			l[i] = strings.Replace(l[i], sid, "20261121-orders-0000", 1)
			return l
		}, 1, []string{"E14-session"}},
		{"15 another segment's line", func(l []string) []string {
			i := find(l, "stmt.end")
			l[i] = strings.Replace(l[i], `"seg":1`, `"seg":2`, 1)
			return l
		}, 1, []string{"entry says segment 2, file is segment 1"}},
		{"16 no time", func(l []string) []string {
			i := find(l, "stmt.end")
			l[i] = strings.Replace(l[i], `"ts":"2026-11-21`, `"ts":"2026-11-99`, 1)
			return l
		}, 1, []string{"E16-time", "bad timestamp"}},
		{"17 clock runs backwards", func(l []string) []string {
			i := find(l, "stmt.end")
			l[i] = regexp.MustCompile(`"mono":\d+`).ReplaceAllString(l[i], `"mono":1`)
			return l
		}, 1, []string{"E17-monotonic"}},
		{"second opening", func(l []string) []string { return slices.Insert(l, 3, l[0]) }, 1, []string{"second session.open"}},
		{"resume inside", func(l []string) []string {
			l[3] = rebody(strings.Replace(l[3], `"runbook.loaded"`, `"session.resume"`, 1), entries.SessionResume{})
			return l
		}, 1, []string{"E18-resume"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := base.copyOf(t)
			c.clock = &clock{}
			in := insider{c: c}
			c.rewrite(in.write(row.change(c.lines())))
			c.signFile(c.alice)
			expect(t, c.check(func(o *audit.VerifyOptions) { o.Vouches, o.Quorum = nil, 0 }), row.exit, row.codes...)
		})
	}
}

// TestAFakedCrashInTheMiddle is row 39: a line in the middle is broken and a
// resume calls the rest of its file torn.
func TestAFakedCrashInTheMiddle(t *testing.T) {
	c := newCrew(t, people(t))
	c.introduce()
	c.walk("3.1", "CHANGE", 0)
	c.l.Release()
	good := read(t, segmentFile(c.dir, 1))
	cut := strings.Index(good, `"type":"step.outcome"`)
	write(t, segmentFile(c.dir, 1), good[:cut])
	l, rec := resume(t, c.dir, c.options()) // names the tail as torn, honestly
	c.l = l
	if rec.Torn == nil {
		t.Fatal("no torn end")
	}
	c.close()
	expect(t, c.check(noVouch), 2, "I52-in-doubt")
	// Other bytes than the resume vouches for, and bytes that no crash leaves:
	// finished durable lines stand behind the broken one.
	write(t, segmentFile(c.dir, 1), good[:cut]+"\n"+good[cut:])
	expect(t, c.check(noVouch), 1, "E19-torn-tail")
	early := strings.Index(good, `"type":"stmt.begin"`)
	write(t, segmentFile(c.dir, 1), good[:early]+"\n"+good[early:])
	expect(t, c.check(noVouch), 1, "E10-form")
	write(t, segmentFile(c.dir, 1), good)
	expect(t, c.check(noVouch), 1, "E12-sequence")
}
