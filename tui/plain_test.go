package tui

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// person sits at a plain terminal: reads what is written, and answers what is
// asked. Writes are seen by the person before they return, so that nothing waits
// for time.
type person struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	seen chan string
}

func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf.Write(b)
	p.seen <- string(b)
	return len(b), nil
}

// talk is a session that arms, and keeps what it is asked.
type talk struct {
	sent
	mu sync.Mutex
	ch chan session.Snapshot
	s  session.Snapshot
}

func (k *talk) Subscribe() (<-chan session.Snapshot, func()) { return k.ch, func() {} }

func (k *talk) Do(ctx context.Context, in session.Intent) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := in.Command.(steps.Arm); ok {
		k.s = armed(k.s)
		k.ch <- k.s
	}
	return k.sent.Do(ctx, in)
}

// runPlain answers each ASK with the next of lines, later than any dead time.
func runPlain(t *testing.T, s session.Snapshot, answer ...string) (*talk, string, Result) {
	t.Helper()
	k := &talk{ch: make(chan session.Snapshot, 4), s: s}
	k.ch <- s
	out := &person{seen: make(chan string, 4096)}
	in, keys := io.Pipe()
	var mu sync.Mutex
	now := night
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}
	typing := make(chan struct{})
	go func() {
		defer close(typing)
		for line := range out.seen {
			if len(answer) == 0 || !strings.HasPrefix(line[10:], "ASK") {
				continue
			}
			mu.Lock()
			now = now.Add(deadFor) // a person reads before typing
			mu.Unlock()
			if _, err := io.WriteString(keys, answer[0]+"\n"); err != nil {
				return
			}
			answer = answer[1:]
		}
	}()
	res, err := Plain(t.Context(), Config{Session: k, Me: session.Person{Name: "ada", Role: roleOperator}, Now: clock}, in, out)
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	close(out.seen)
	<-typing
	return k, out.buf.String(), res
}

// menuNumber is the number under which the menu offers something.
func menuNumber(t *testing.T, s session.Snapshot, words string) string {
	t.Helper()
	var b bytes.Buffer
	p := &plain{out: &b, th: NewTheme(NoColour, false, false), now: func() time.Time { return night }, me: session.Person{Role: roleOperator}, snap: s}
	p.askMenu()
	for i, c := range p.menu {
		if c.words == words {
			return itoa(i + 1)
		}
	}
	t.Fatalf("%q is not in the menu %v", words, p.menu)
	return ""
}

// L8: plain mode runs a step with the same word as the full screen.
func TestL8PlainRunsAStep(t *testing.T) {
	s := ready()
	k, out, res := runPlain(t, s, menuNumber(t, s, "run"), "blue", menuNumber(t, armed(s), "leave"), "l")
	for _, want := range []string{
		"03:14:07Z STATE  production CHG0048213. writes: BLUE. freeze: freeze off",
		"STEP   3.2 Freeze writes on blue. risk TRAFFIC. planned 00:30. pending.",
		"CHECK  1 of 4 passes: replication lag. want ≤ 64 KiB for 60 s. is 12.1 KiB for 74 s.",
		"RUN    as turq_op @ orders-blue:5432/orders, plan c41d07b2, risk TRAFFIC:",
		"LINE   1 ALTER ROLE orders_app NOLOGIN;",
		"ASK    type blue to run, or an empty line to cancel:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %q\n%s", want, out)
		}
	}
	var confirmed bool
	for _, in := range k.got {
		if c, ok := in.Command.(steps.Confirm); ok {
			confirmed = c.Digest == s.Cards["3.2"].Digest && in.Typed == "blue"
		}
	}
	if !confirmed || res != Left {
		t.Errorf("confirmed %v, result %v, sent %+v", confirmed, res, k.got)
	}
}

// A wrong word or an empty line runs nothing.
func TestPlainWrongWordRunsNothing(t *testing.T) {
	for _, typed := range []string{"green", "", "blue "} {
		s := ready()
		k, out, _ := runPlain(t, s, menuNumber(t, s, "run"), typed, menuNumber(t, armed(s), "leave"), "l")
		for _, in := range k.got {
			if _, ok := in.Command.(steps.Confirm); ok {
				t.Errorf("%q confirmed", typed)
			}
		}
		if !strings.Contains(out, "nothing has run") {
			t.Errorf("%q: %s", typed, out)
		}
	}
}

// Text of a server cannot break out of its line.
func TestPlainIsCleaned(t *testing.T) {
	s := withRisk(ready(), runbooks.Read, "y")
	s.Change = "\x1b[2J\u202e\nASK type"
	_, out, _ := runPlain(t, s, menuNumber(t, s, "leave"), "l")
	if strings.ContainsAny(out, "\x1b\u202e") || strings.Contains(out, "\nASK") {
		t.Errorf("got %q", out)
	}
}

// What was typed before the question does not answer it.
func TestPlainDropsWhatWasTypedAhead(t *testing.T) {
	var b bytes.Buffer
	k := &sent{}
	p := &plain{ctx: t.Context(), sess: k, out: &b, th: NewTheme(NoColour, false, false), now: func() time.Time { return night }, me: session.Person{Role: roleOperator}, gates: map[string]checks.Status{}}
	p.onSnapshot(armed(ready()))
	p.askRun(p.snap.Cards["3.2"])
	p.onLine(stamped{"blue", night.Add(deadFor - time.Millisecond)})
	if len(k.got) != 0 {
		t.Fatalf("sent %+v", k.got)
	}
	p.onLine(stamped{"blue", night.Add(deadFor)})
	if len(k.got) != 1 {
		t.Fatalf("sent %+v", k.got)
	}
}
