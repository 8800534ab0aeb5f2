package tui

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/checks"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// asked is a preflight that failed on these checks.
func asked(found ...session.CheckRow) session.Snapshot {
	return edited(ready(), func(c *session.Card) {
		c.Risk, c.Word, c.Phase, c.Outcome = runbooks.Read, "y", steps.Failed, "refused: preflight"
		c.Before, c.Statements, c.Found = nil, nil, found
	})
}

func failed(name string) session.CheckRow {
	return session.CheckRow{Name: name, Want: "a day", Is: "31 h", Status: checks.Fail}
}

// o overrides the first check of the preflight that may be; which are never
// overridden, and which are by now, stands on the card.
func TestOverrideOfACheckOfThePreflight(t *testing.T) {
	never, signed, open := failed("G02 host on blue"), failed("PG03 keys on blue"), failed("PG39 backup on blue")
	never.Never, signed.Over = true, true
	for _, size := range [][2]int{{120, 40}, {100, 32}} {
		r := newRig(t, asked(never, signed, open), size[0], size[1])
		r.shows("FOUND", "cannot be overridden", "31 h  overridden", "o override…")
		r.pass(deadFor)
		r.key(keyOf('o'))
		r.shows("OVERRIDE PG39 backup on blue?", "Reason:", "does not pass")
		r.pass(deadFor)
		r.typed("on tape")
		r.enter()
		if c, ok := r.last().Command.(steps.OverrideGate); !ok || c.Check != open.Name || c.Reason != "on tape" || c.Step != "3.2" {
			t.Errorf("sent %+v", r.last())
		}
	}
}

func TestNoOverrideOfWhatCanOnlyBeMended(t *testing.T) {
	never, signed := failed("G02 host on blue"), failed("PG03 keys on blue")
	never.Never, signed.Over = true, true
	for name, s := range map[string]session.Snapshot{"never": asked(never), "signed": asked(signed)} {
		r := newRig(t, s, 120, 40)
		r.pass(deadFor)
		r.key(keyOf('o'))
		if r.m.mode == reasoning {
			t.Errorf("%s: the box of an override opened", name)
		}
		r.showsNot("o override…")
	}
}

// A request that waits is said on the card of a step that failed, too.
func TestAFailedPreflightWaitsForTheSecondPerson(t *testing.T) {
	s := withApproval(asked(failed("PG39 backup on blue")), func(a *session.Approval) {
		a.Standing, a.Need, a.Act = true, 1, "override PG39 backup on blue"
	})
	newRig(t, s, 120, 40).shows("WAITS FOR A SECOND PERSON", "A sign or deny")
}

// L8: the line mode names what was found, and sends the same override.
func TestPlainOverridesACheckOfThePreflight(t *testing.T) {
	never, signed, open := failed("G02 host on blue"), failed("PG03 keys on blue"), failed("PG39 backup on blue")
	never.Never, signed.Over = true, true
	s := asked(never, signed, open)
	k, said, _ := runPlain(t, s, menuNumber(t, s, "override"), "on tape", menuNumber(t, s, "leave"), "l")
	for _, want := range []string{"G02 host on blue DOES NOT PASS and cannot be overridden", "PG03 keys on blue is overridden", "PG39 backup on blue DOES NOT PASS."} {
		if !strings.Contains(said, want) {
			t.Errorf("said nothing of %q:\n%s", want, said)
		}
	}
	for _, in := range k.got {
		if c, ok := in.Command.(steps.OverrideGate); ok && c.Check == open.Name && c.Reason == "on tape" {
			return
		}
	}
	t.Errorf("sent %+v", k.got)
}
