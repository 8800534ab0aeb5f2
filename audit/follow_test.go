package audit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// TestAFollowerSeesARewrittenNight reads a night seal by seal, then is offered
// what the operator's key can make of it.
func TestAFollowerSeesARewrittenNight(t *testing.T) {
	p := people(t)
	c := newCrew(t, p)
	o := audit.VerifyOptions{Types: entries.Types(), Signers: p.signers}
	var was audit.Followed
	follow := func(c *crew, from int64) (audit.Followed, audit.Head, error) {
		h := c.l.Head()
		return audit.Follow(was, o, must[[]byte](t)(audit.RawLines(c.dir, from, h.Size+1)))
	}
	for _, act := range []func(){func() {}, c.introduce, func() { c.walk("3.1", "CHANGE", 0) }, func() {
		c.l.Release()
		write(t, segmentFile(c.dir, 1), read(t, segmentFile(c.dir, 1))+`{"v":1,"seq":`)
		c.l, _ = resume(t, c.dir, c.options())
	}} {
		act()
		if err := c.l.Seal(); err != nil {
			t.Fatal(err)
		}
		next, head, err := follow(c, was.Size)
		if err != nil || head != c.l.Head() || next.Size != head.Size+1 {
			t.Fatalf("head %v, followed %v: %v", head, next, err)
		}
		was = next
		if err := c.l.Seal(); err != nil { // nothing to seal
			t.Fatal(err)
		}
		c.put(system, entries.Note{Text: "so that there is something"})
	}
	forged := newCrew(t, p)
	forged.introduce()
	for range 6 {
		forged.walk("3.1", "CHANGE", 0)
	}
	if _, _, err := follow(forged, was.Size); !errors.Is(err, audit.ErrRewritten) {
		t.Errorf("a forged night is followed: %v", err)
	}
	lines := string(must[[]byte](t)(audit.RawLines(c.dir, 0, c.l.Head().Size+1)))
	for name, text := range map[string]string{
		"no seal":       lines[:strings.LastIndex(lines[:len(lines)-1], "\n")+1],
		"edited":        strings.Replace(lines, "sums", "sumz", 1),
		"cut":           lines[:len(lines)-1],
		"other session": strings.ReplaceAll(lines, sid, "20261121-orders-0000"),
		"nothing":       "",
	} {
		if _, _, err := audit.Follow(audit.Followed{}, o, []byte(text)); err == nil {
			t.Errorf("%s is followed", name)
		}
	}
	if _, _, err := audit.Follow(audit.Followed{}, o, []byte(lines)); err != nil {
		t.Errorf("from the beginning: %v", err)
	}
	o.Signers = &audit.AllowedSigners{}
	if _, _, err := audit.Follow(audit.Followed{}, o, []byte(lines)); err == nil {
		t.Error("a stranger's night is followed")
	}
}
