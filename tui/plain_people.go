package tui

import (
	"strings"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// tellApproval says who must sign what, and how.
func (p *plain) tellApproval(c session.Card) {
	a := c.Approval
	if c.Need == 0 && !a.Standing {
		return
	}
	p.say("SIGN", "%s", secondLine(p.snap, c).plain())
	if a.Enough || a.Denied != "" {
		return
	}
	for _, t := range a.Texts {
		p.say("SIGN", "%s signs with: ssh-keygen -Y sign -n %s -f KEY %s", t.Who, audit.NamespaceApproval, t.File)
	}
	if a.Hint != "" {
		p.say("SIGN", "in this demo the key is %s", a.Hint)
	}
}

// tellText prints the text that is signed, for the first person who may.
func (p *plain) tellText(texts []session.ApprovalText) {
	if len(texts) == 0 {
		return
	}
	for _, l := range strings.Split(strings.TrimSuffix(texts[0].Text, "\n"), "\n") {
		p.say("TEXT", "%s", l)
	}
}

// tellOwed says whose verdict is owed on what ran under a waiver, and how to give
// it; a line here takes the path of a key and signs that it is approved.
func (p *plain) tellOwed() {
	o := p.snap.Owed
	p.say("SIGN", "step %s ran under the waiver at entry %d (%s); a second person's verdict is owed", o.Step, o.Waiver, o.Reason)
	if o.Why != "" {
		p.say("SIGN", "%s", o.Why)
	}
	for _, t := range append(append([]session.ApprovalText(nil), o.For...), o.Against...) {
		p.say("SIGN", "%s signs with: ssh-keygen -Y sign -n %s -f KEY %s", t.Who, audit.NamespaceApproval, t.File)
	}
	p.tellText(o.For)
}

// onKeyPath signs with a key at this keyboard. An encrypted one needs the full
// screen or an agent: a line here would show its passphrase.
func (p *plain) onKeyPath(path string) {
	if path == "" {
		p.say("STATE", "nothing was signed.")
		p.askMenu()
		return
	}
	c := steps.Approve{Way: "screen"}
	if o := p.snap.Owed; p.late && o != nil {
		c = steps.Approve{Way: steps.WayLate, Waiver: o.Waiver, Verdict: steps.Approved}
	}
	if p.send(session.Intent{Command: c, Sign: &session.Sign{Path: path}}) {
		p.say("STATE", "signed.")
	}
	p.askMenu()
}

// askDesks asks for the first desk that has not said go.
func (p *plain) askDesks() {
	for _, d := range p.snap.Cards[p.snap.Current].Desks {
		if !d.Answered || !d.Go {
			p.desk = d.Name
			p.ask(askDesk, "%s: go, or why not, or an empty line:", d.Name)
			return
		}
	}
	p.say("STATE", "every desk says go.")
	p.askMenu()
}

func (p *plain) onDesk(txt string) {
	if txt == "" {
		p.say("STATE", "no answer: the hold stays.")
		p.askMenu()
		return
	}
	c := steps.Answer{Step: p.snap.Current, Desk: p.desk, Go: strings.EqualFold(txt, "go")}
	if !c.Go {
		c.Comment = clean(txt)
	}
	p.send(session.Intent{Command: c, ByVoice: true})
	p.askMenu()
}
