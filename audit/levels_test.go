package audit_test

import (
	"strings"
	"testing"

	"github.com/turquoise-db/turquoise/audit"
)

// TestTheHeadlineSaysWhoCouldHaveRewrittenIt, no more and no less, for each level
// and each kind of anchor.
func TestTheHeadlineSaysWhoCouldHaveRewrittenIt(t *testing.T) {
	c := newCrew(t, people(t))
	c.all()
	h := c.heads[0]
	last := c.check(noVouch).Head
	seen := func(vs ...audit.Vouch) func(*audit.VerifyOptions) {
		return func(o *audit.VerifyOptions) { o.Vouches = vs }
	}
	kind := func(kind string) audit.Vouch {
		v := witness(h)
		v.Kind, v.Name = kind, kind
		return v
	}
	lastHead := kind(audit.AnchorTicket)
	rec := must[audit.Record](t)(audit.Load(c.dir))
	lastHead.Size, lastHead.Root = rec.Head.Size, &rec.Head.Root
	both := func(fs ...func(*audit.VerifyOptions)) func(*audit.VerifyOptions) {
		return func(o *audit.VerifyOptions) {
			for _, f := range fs {
				f(o)
			}
		}
	}
	two := func(o *audit.VerifyOptions) { o.Quorum = 2 }
	for _, counter := range []bool{false, true} {
		who := "whoever holds the operator's key could have rewritten "
		if counter {
			c.countersign(bob, c.bob, nil)
			who = "whoever holds the keys of the operator and of bob@example, who countersigned, could together have rewritten "
		}
		for _, row := range []struct {
			name     string
			o        func(*audit.VerifyOptions)
			headline string // behind "level Ln of 4: "
			row3     string
		}{
			{"no anchor", noVouch, who + "all of it", "no anchor vouches"},
			{"witness", seen(kind(audit.AnchorWitness)), "tamper-evident up to entry 15 of 39 under the anchors below; " + who + "entries 16-39", "unless the witness helped"},
			{"timestamp", seen(kind(audit.AnchorTSA)), "tamper-evident up to entry 15 of 39 under the anchors below; " + who + "entries 16-39", "a forgery stamped earlier would look the same"},
			{"ticket", seen(kind(audit.AnchorTicket)), "tamper-evident up to entry 15", "as long as the ticket cannot be changed"},
			{"server", seen(kind(audit.AnchorServer)), "tamper-evident up to entry 15", "unless that log was changed too"},
			{"copy", seen(kind(audit.AnchorS3)), "tamper-evident up to entry 15", "as long as the bucket's lock holds"},
			{"a ticket of the last head", seen(lastHead), "tamper-evident up to entry 38 of 39 under the anchors below", "as long as the ticket cannot be changed)"},
			{"one of two", both(seen(kind(audit.AnchorWitness)), two), "tamper-evident up to entry 15 of 39 under 1 of the 2 anchors asked for; " + who + "entries 16-39", "1 of 2 required"},
			{"nobody asked whose keys", both(noVouch, func(o *audit.VerifyOptions) { o.Signers = nil }), "whoever wrote the files could have written all of it anew: whose keys these are was not asked", ""},
		} {
			r := c.check(row.o)
			_, got, _ := strings.Cut(r.Level, " of 4: ")
			if !strings.HasPrefix(got, row.headline) || (strings.Contains(row.headline, ";") || row.name == "a ticket of the last head") && got != row.headline {
				t.Errorf("countersigned %v, %s: %q, want %q (head %d)", counter, row.name, got, row.headline, last.Size)
			}
			if !strings.Contains(r.Levels[3].Text, row.row3) {
				t.Errorf("countersigned %v, %s: L3 %q", counter, row.name, r.Levels[3].Text)
			}
		}
	}
	// Who asked for an anchor and got none is told the same, word for word.
	r := c.check(func(o *audit.VerifyOptions) { o.Vouches = nil })
	expect(t, r, 4, "U60-no-anchor", "of bob@example, who countersigned, could together have rewritten all of it")
}
