package audit_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// TestAlphabet fixes the bytes of strings: what other tools hash must not depend
// on the version of an encoder.
func TestAlphabet(t *testing.T) {
	dir := t.TempDir()
	l := create(t, dir, options(&clock{}))
	var in strings.Builder
	for c := rune(0); c < 0x80; c++ {
		in.WriteRune(c)
	}
	in.WriteString("é—\u2028\u2029\U0001F422\ufffd" + string([]byte{0xff}))
	e := must[audit.Entry](t)(l.Append(audit.Meta{By: alice}, entries.Note{Text: in.String()}))
	const want = `{"text":"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f` +
		`\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f` +
		` !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_` + "`" +
		`abcdefghijklmnopqrstuvwxyz{|}~` + "\x7f" + `é—\u2028\u2029` + "\U0001F422\ufffd\ufffd" + `"}`
	if string(e.Body) != want {
		t.Errorf("got  %q\nwant %q", e.Body, want)
	}
	if err := l.Seal(); err != nil {
		t.Fatal(err)
	}
	expect(t, verify(dir), 2, "I53-not-closed")
}

func TestASecondCockpitIsRefusedByName(t *testing.T) {
	dir := t.TempDir()
	l := create(t, dir, options(&clock{}))
	_, err1 := audit.Create(dir, options(&clock{}))
	_, _, err2 := audit.Resume(dir, options(&clock{}))
	for _, err := range []error{err1, err2} {
		if !errors.Is(err, audit.ErrHeld) || !strings.Contains(err.Error(), fmt.Sprintf("pid=%d host=", os.Getpid())) {
			t.Errorf("got %v", err)
		}
	}
	l.Release()
	if _, err := audit.Create(dir, options(&clock{})); !errors.Is(err, audit.ErrExists) {
		t.Errorf("create over a record: %v", err)
	}
	if _, err := l.Append(audit.Meta{By: alice}, entries.Note{Text: "late"}); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("append after release: %v", err)
	}
}

func TestAnEndedRecordIsNotResumed(t *testing.T) {
	if _, _, err := audit.Resume(closedNight(t), options(&clock{})); !errors.Is(err, audit.ErrEnded) {
		t.Errorf("got %v", err)
	}
}

// badFile fails its n-th write or sync. Lost writes leave nothing, kept ones all
// of it, torn ones half.
type badFile struct {
	audit.File
	fail   *int
	how    string
	writes *int
}

func (f badFile) Write(p []byte) (int, error) {
	*f.writes++
	*f.fail--
	if *f.fail != 0 || f.how == "fsync" {
		return f.File.Write(p)
	}
	switch f.how {
	case "kept":
		f.File.Write(p)
		return 0, syscall.EIO
	case "torn":
		n, _ := f.File.Write(p[:len(p)/2])
		return n, syscall.ENOSPC
	case "short":
		return f.File.Write(p[:len(p)/2])
	}
	return 0, syscall.ENOSPC
}

func (f badFile) Sync() error {
	if *f.fail <= 0 && f.how == "fsync" {
		return syscall.EIO
	}
	return f.File.Sync()
}

type plainFile struct{ *os.File }

func (plainFile) Reserve(int64, int64) error { return errors.ErrUnsupported }

func TestTheFirstWriteErrorEndsTheLog(t *testing.T) {
	for _, how := range []string{"lost", "kept", "torn", "short", "fsync"} {
		for nth := 2; nth <= 7; nth++ {
			t.Run(fmt.Sprintf("%s/%d", how, nth), func(t *testing.T) { failAt(t, how, nth) })
		}
	}
}

func failAt(t *testing.T, how string, nth int) {
	dir, c := t.TempDir(), &clock{}
	o, writes := options(c), 0
	o.OpenFile = func(path string) (audit.File, error) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_EXCL, 0o600)
		return badFile{File: plainFile{f}, fail: &nth, how: how, writes: &writes}, err
	}
	l := create(t, dir, o)
	m, b := audit.Meta{By: alice}, entries.HoldBegin{Reason: "test"}
	var acked []int64
	var err error
	for err == nil {
		var e audit.Entry
		if e, err = l.Append(m, b); err == nil {
			acked = append(acked, e.Seq)
		}
	}
	if !errors.Is(err, audit.ErrFenced) || l.Fault() == nil {
		t.Fatalf("got %v", err)
	}
	before := writes
	if _, err := l.Append(m, b); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("append: %v", err)
	}
	if _, err := l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{}}); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("intent: %v", err)
	}
	if err := l.Seal(); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("seal: %v", err)
	}
	if err := l.Close(m, entries.SessionClose{}); !errors.Is(err, audit.ErrFenced) {
		t.Errorf("close: %v", err)
	}
	if writes != before {
		t.Errorf("%d writes after the fence", writes-before)
	}
	l.Release()
	l, rec := resume(t, dir, options(c))
	has := map[int64]bool{}
	for _, e := range rec.Record.Entries {
		has[e.Seq] = true
	}
	for _, seq := range acked {
		if !has[seq] {
			t.Errorf("acknowledged entry %d is gone", seq)
		}
	}
	if torn := how == "torn" || how == "short"; torn != (rec.Torn != nil) {
		t.Errorf("torn end: %v", rec.Torn)
	}
	(&night{t: t, l: l}).close()
	expect(t, verify(dir), 0)
}

func TestATornEndStaysAsItIs(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	l := create(t, dir, options(c))
	(&night{t: t, l: l}).step()
	l.Release()
	good := read(t, segmentFile(dir, 1))
	write(t, segmentFile(dir, 1), good+`{"v":1,"seq":99,"pre`)
	expect(t, verify(dir), 2, "I51-torn")
	l, rec := resume(t, dir, options(c))
	if rec.Torn == nil || rec.Torn.Offset != int64(len(good)) || rec.Torn.Bytes != 20 {
		t.Errorf("torn: %v", rec.Torn)
	}
	(&night{t: t, l: l}).close()
	expect(t, verify(dir), 0)
	write(t, segmentFile(dir, 1), good+`{"v":1,"seq":98,"pre`)
	expect(t, verify(dir), 1, "E19-torn-tail")
	write(t, segmentFile(dir, 1), good)
	expect(t, verify(dir), 1, "E19-torn-tail")
}

// TestABreakInTheMiddleIsNoTornEnd: durable lines stand behind it, so no crash
// can have left it.
func TestABreakInTheMiddleIsNoTornEnd(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	l := create(t, dir, options(c))
	(&night{t: t, l: l}).step()
	l.Release()
	text := read(t, segmentFile(dir, 1))
	write(t, segmentFile(dir, 1), strings.Replace(text, `"type":"step.plan"`, `"type":"step.plan",`, 1))
	if _, _, err := audit.Resume(dir, options(c)); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := audit.Load(dir); !errors.Is(err, audit.ErrBroken) {
		t.Errorf("got %v", err)
	}
	expect(t, verify(dir), 1, "E10-form")
}

func TestAnIntentIsDurableAndSealedWhenItsTokenIsGiven(t *testing.T) {
	dir := t.TempDir()
	l := create(t, dir, options(&clock{}))
	if (audit.Sealed{}).Valid() {
		t.Error("a token nobody gave is valid")
	}
	if _, err := l.Append(audit.Meta{By: alice}, entries.StepIntent{}); err == nil {
		t.Error("an intent without a token was written")
	}
	s := must[audit.Sealed](t)(l.Intent(audit.Line{Meta: audit.Meta{By: alice, Step: "1"}, Body: entries.StepIntent{}}))
	rec := must[audit.Record](t)(audit.Load(dir))
	if !s.Valid() || rec.Entries[s.Seq()].Leaf != s.Leaf() || rec.Head.Size <= s.Seq() {
		t.Errorf("token %v, head %v", s, rec.Head)
	}
	if want := fmt.Sprintf("/* tq s=%s n=%d i=2 h=%.32s */", sid, s.Seq(), s.Leaf()); s.Tag(2) != want {
		t.Errorf("tag %q, want %q", s.Tag(2), want)
	}
	if l.Head() != rec.Head {
		t.Errorf("head %v, loaded %v", l.Head(), rec.Head)
	}
}

func TestAnIntentWithoutOutcomeIsInDoubt(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	l := create(t, dir, options(c))
	m := audit.Meta{By: alice, Step: "4", Attempt: 1}
	s := must[audit.Sealed](t)(l.Intent(audit.Line{Meta: m, Body: entries.StepIntent{}}))
	l.Release()
	l, rec := resume(t, dir, options(c))
	if len(rec.InDoubt) != 1 || rec.InDoubt[0].Seq != s.Seq() || rec.Suspended {
		t.Fatalf("in doubt %v", rec.InDoubt)
	}
	m.Ref = audit.Ref(s.Seq())
	must[audit.Entry](t)(l.Append(m, entries.StepOutcome{Outcome: entries.Unclear}))
	expect(t, verify(dir), 3, "step 4 is unclear and nobody decided")
	must[audit.Entry](t)(l.Append(m, entries.StepReconciled{How: "proof", Verdict: "done", Next: "done"}))
	must[audit.Entry](t)(l.Append(audit.Meta{By: audit.System}, entries.SessionSuspend{Reason: "asked to stop"}))
	l.Release()
	if _, rec = resume(t, dir, options(c)); len(rec.InDoubt) != 0 || !rec.Suspended {
		t.Errorf("in doubt %v, suspended %v", rec.InDoubt, rec.Suspended)
	}
}

func TestAJumpOfTheClockIsSaid(t *testing.T) {
	dir, c := t.TempDir(), &clock{}
	l := create(t, dir, options(c))
	c.skew = -time.Hour
	must[audit.Entry](t)(l.Append(audit.Meta{By: alice}, entries.HoldBegin{Reason: "x"}))
	(&night{t: t, l: l}).close()
	expect(t, verify(dir), 0)
	rec := must[audit.Record](t)(audit.Load(dir))
	if e := rec.Entries[3]; e.Type != "clock.step" || string(e.Body) != `{"wall_delta_us":-3600000000}` {
		t.Errorf("entry 3 is %s %s", e.Type, e.Body)
	}
}

func TestSecretsStayOut(t *testing.T) {
	dir, o := t.TempDir(), options(&clock{})
	const value = `p"ss w/rd+1`
	o.Secrets = map[string]string{"repl": value, "short": "abc"}
	l := create(t, dir, o)
	l.Know("late", "tobeknown")
	m := audit.Meta{By: alice}
	for _, text := range []string{value, "url p%22ss+w%2Frd%2B1", "cCJzcyB3L3JkKzE", "it is tobeknown"} {
		if _, err := l.Append(m, entries.Note{Text: "see " + text}); !errors.Is(err, audit.ErrSecret) {
			t.Errorf("%q: %v", text, err)
		} else if strings.Contains(err.Error(), text) {
			t.Errorf("the refusal repeats the secret: %v", err)
		}
	}
	if _, err := l.AddEvidence([]byte("x "+value), "text/plain", "runbook"); !errors.Is(err, audit.ErrSecret) {
		t.Errorf("evidence: %v", err)
	}
	e := must[audit.Entry](t)(l.Append(m, entries.StmtEnd{Outcome: entries.Refused,
		Error: &entries.Error{Class: "42", Code: "42601", Message: "at " + value}}))
	if !strings.Contains(string(e.Body), `"masked":true,"message":"[withheld: contains secret repl]"`) {
		t.Errorf("answer: %s", e.Body)
	}
	must[audit.Entry](t)(l.Append(m, entries.Note{Text: "abc is too short to search for"}))
	if text := read(t, segmentFile(dir, 1)); strings.Contains(text, "w/rd") || l.Fault() != nil {
		t.Errorf("fault %v, file %s", l.Fault(), text)
	}
}

func TestEvidenceIsCoveredByItsLine(t *testing.T) {
	dir := t.TempDir()
	l := create(t, dir, options(&clock{}))
	ev := must[audit.Evidence](t)(l.AddEvidence([]byte("steps: []"), "text/yaml", "runbook"))
	must[audit.Entry](t)(l.Append(audit.Meta{By: alice}, entries.RunbookLoaded{Evidence: []audit.Evidence{ev}}))
	(&night{t: t, l: l}).close()
	expect(t, verify(dir), 0)
	if got := must[[]byte](t)(audit.ReadEvidence(dir, ev)); string(got) != "steps: []" {
		t.Errorf("got %q", got)
	}
	path := dir + "/evidence/" + ev.SHA256
	data := read(t, path)
	write(t, path, data+" ")
	expect(t, verify(dir), 1, "E32-evidence")
	os.Remove(path)
	expect(t, verify(dir), 2, "I50-evidence")
}

func TestManyWritersMakeOneChain(t *testing.T) {
	dir := t.TempDir()
	l := create(t, dir, options(&clock{}))
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 50 {
				if _, err := l.Append(audit.Meta{By: alice}, entries.Note{Text: "n"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
	if rec := must[audit.Record](t)(audit.Load(dir)); rec.Head.Size < 200 {
		t.Errorf("%d entries and the last seal at %d", len(rec.Entries), rec.Head.Size)
	}
	(&night{t: t, l: l}).close()
	expect(t, verify(dir), 0)
}

const childDir = "TURQUOISE_AUDIT_CHILD"

// TestKilledWriterLosesNothing kills a process in the middle of its work. What it
// had acknowledged on its standard output must be in the record.
func TestKilledWriterLosesNothing(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		l := create(t, dir, options(&clock{}))
		for {
			e := must[audit.Entry](t)(l.Append(audit.Meta{By: alice}, entries.HoldBegin{Reason: "until killed"}))
			fmt.Println("acked", e.Seq)
		}
	}
	for _, after := range []int{1, 37, 300} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLosesNothing$")
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out := must[io.ReadCloser](t)(cmd.StdoutPipe())
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last, acks := int64(-1), 0
		for s := bufio.NewScanner(out); s.Scan(); {
			if n, ok := strings.CutPrefix(s.Text(), "acked "); ok {
				last, acks = must[int64](t)(strconv.ParseInt(n, 10, 64)), acks+1
			}
			if acks == after {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if last < 0 {
			t.Fatal("the child acknowledged nothing")
		}
		l, rec := resume(t, dir, options(&clock{n: time.Hour}))
		if n := int64(len(rec.Record.Entries)); n <= last || rec.Record.Entries[last].Seq != last {
			t.Errorf("entry %d was acknowledged, the record has %d", last, n)
		}
		(&night{t: t, l: l}).close()
		expect(t, verify(dir), 0)
	}
}
