package tui

import (
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// do sends an intent and says what came of it.
func (p *plain) do(c steps.Command, typed string) bool {
	return p.send(session.Intent{Command: c, Typed: typed})
}

func (p *plain) send(in session.Intent) bool {
	s := p.snap
	in.ShownMS = p.now().Sub(p.since).Milliseconds()
	in.Seen = session.Seen{Step: s.Current, Attempt: s.Cards[s.Current].Attempt, Entry: p.entry}
	p.asked = askMenu
	if p.stale() {
		p.say("STATE", "no news from the session: nothing was done.")
		return false
	}
	if err := p.sess.Do(p.ctx, in); err != nil {
		p.say("STATE", "refused: %s", strings.ReplaceAll(err.Error(), "\n", " "))
		return false
	}
	return true
}

// onLine takes one line as the answer to what was asked. A line that was
// complete before the question, or within the dead time after it, is dropped.
func (p *plain) onLine(l stamped) {
	if p.snap.Seq == 0 || l.at.Sub(p.since) < deadFor {
		p.say("ASK", "typed too early, dropped. again:")
		return
	}
	txt := strings.TrimSpace(l.text)
	switch p.asked {
	case askWord:
		p.onWord(l.text)
	case askTaking:
		p.onTaking(l.text)
	case askReason:
		p.onReason(txt)
	case askStop:
		if txt == "stop" || txt == "i" && p.snap.Cards[p.snap.Current].Risk == runbooks.Read {
			p.do(steps.Interrupt{}, txt)
		}
		p.askMenu()
	case askDecision:
		next, ok := map[string]string{"1": "done", "2": "run_again", "3": "roll_back", "4": "stop"}[txt]
		if !ok {
			p.say("STATE", "nothing was decided.")
			p.askMenu()
			return
		}
		p.next = next
		p.askReason("settle")
	case askLeave:
		p.onLeave(txt)
	case askKey:
		p.onKeyPath(txt)
	case askDesk:
		p.onDesk(txt)
	default:
		p.onChoice(txt)
	}
}

func (p *plain) onWord(typed string) {
	c := p.card
	want := c.Word
	if byKey(c) {
		want = "y"
	}
	switch {
	case typed == "":
		p.do(steps.Disarm{}, "")
		p.say("STATE", "cancelled, nothing has run.")
	case typed != want || want == "":
		p.do(steps.Disarm{}, "")
		p.say("STATE", "differs, nothing has run.")
	case !p.snap.Record.OK:
		p.do(steps.Disarm{}, "")
		p.say("STATE", "the record cannot be written: nothing has run.")
	case waits(p.snap.Cards[c.ID]) != "":
		p.say("STATE", "a second person has not signed: nothing has run.")
		p.askRun(c)
		return
	default:
		p.do(steps.Confirm{Step: c.ID, Digest: c.Digest}, typed)
	}
	p.askMenu()
}

// askTaking shows what takes a window of single steps back, and asks for its word.
func (p *plain) askTaking() {
	p.card = takingCard(p.snap)
	if t := p.snap.Taking; t.Doubt != "" {
		p.say("RUN", "first the proof of step %s is asked: if writes are open, nothing is taken back.", t.Doubt)
	}
	p.tellPlan(p.card)
	p.ask(askTaking, "type %s to take the window back, or an empty line to cancel:", p.card.Word)
}

func (p *plain) onTaking(typed string) {
	switch t := p.snap.Taking; {
	case typed == "":
		p.say("STATE", "cancelled, nothing has run.")
	case typed != p.card.Word:
		p.say("STATE", "differs, nothing has run.")
	case t == nil || t.Digest != p.card.Digest || !p.snap.Record.OK:
		p.say("STATE", "what is to be taken back changed, nothing has run.")
	default:
		p.do(takingCommand(p.card), typed)
	}
	p.askMenu()
}

func (p *plain) askReason(kind string) {
	p.pend = kind
	p.ask(askReason, "%s: reason, or an empty line for nothing:", kind)
}

func (p *plain) onReason(reason string) {
	if reason == "" {
		p.say("STATE", "nothing was done.")
		p.askMenu()
		return
	}
	if rs := []rune(reason); len(rs) > maxReason {
		reason = string(rs[:maxReason])
	}
	reason = clean(reason)
	if p.do(reasoned(p.pend, p.snap.Current, p.next, reason), reason) && p.pend == "end" {
		p.result, p.done = Ended, true
		return
	}
	p.askMenu()
}

// reasoned is the command that a reason belongs to.
func reasoned(kind string, cur runbooks.StepID, next, reason string) steps.Command {
	switch kind {
	case "skip":
		return steps.Skip{Step: cur, Reason: reason}
	case "hold":
		return steps.Hold{On: true, Reason: reason}
	case "resume":
		return steps.Hold{On: false, Reason: reason}
	case "rows":
		n, _ := strconv.Atoi(strings.TrimSpace(reason)) // what is no number is refused as none
		return steps.Pace{Step: cur, Rows: n}
	case "back":
		return steps.BackOut{Reason: reason}
	case "settle":
		return steps.Settle{Step: cur, Next: next, Reason: reason}
	case "end":
		return steps.End{Reason: reason}
	case "pace":
		return steps.Throttle{Limits: reason}
	case "override":
		return steps.OverrideGate{Step: cur, Check: next, Reason: reason}
	case "deny":
		return steps.Deny{Step: cur, Reason: reason}
	case "waive":
		return steps.Waive{Step: cur, Reason: reason}
	case "no go":
		return steps.Answer{Step: cur, Desk: next, Go: false, Comment: reason}
	case "hand over":
		return steps.Handover{To: next, Reason: reason}
	}
	return steps.Note{Text: reason}
}

func (p *plain) onChoice(txt string) {
	n, err := strconv.Atoi(txt)
	if err != nil || n < 1 || n > len(p.menu) {
		p.askMenu()
		return
	}
	cur := p.snap.Current
	switch p.menu[n-1].id {
	case "x":
		p.arming = cur
		if !p.do(steps.Arm{Step: cur}, "") {
			p.arming = ""
			p.askMenu()
		}
	case "v":
		p.do(steps.Verify{Step: cur}, "")
		p.askMenu()
	case "a":
		if a, _, ok := worst(p.snap.Alarms); ok {
			p.do(steps.Ack{Alarm: a.ID}, "")
		}
		p.askMenu()
	case "h":
		kind := "hold"
		if p.snap.Holding != "" {
			kind = "resume"
		}
		p.askReason(kind)
	case "W":
		p.pend = "rows"
		p.ask(askReason, "rows a batch, at most %d now; a number, or an empty line for nothing:", p.snap.Cards[cur].Batch)
	case "s":
		p.askReason("skip")
	case "b":
		if p.snap.Taking != nil {
			p.askTaking()
			return
		}
		p.askReason("back")
	case "n":
		p.askReason("note")
	case "K":
		p.do(steps.Reveal{}, "")
		p.askMenu()
	case "w":
		p.pend = "pace"
		p.ask(askReason, "now %s. words such as workers 4 max-active 20, or an empty line for nothing:", p.snap.Compared.Pace)
	case "o":
		p.next = firstFailing(p.snap.Cards[cur])
		p.say("STATE", "%s does not pass; a second person signs the override.", p.next)
		p.askReason("override")
	case "g":
		p.askDesks()
	case "A":
		if p.late = waitsLate(p.snap); p.late {
			p.tellOwed()
			p.ask(askKey, "key file or agent's socket of the second person, who signs that it is approved, or an empty line:")
			return
		}
		p.tellApproval(p.snap.Cards[cur])
		p.tellText(p.snap.Cards[cur].Approval.Texts)
		p.ask(askKey, "key file or agent's socket of the second person, or an empty line:")
	case "ctrl+c":
		p.say("STATE", "%s", meansStop(p.snap.Cards[cur]))
		p.ask(askStop, "type stop to stop it, or an empty line to let it go on:")
	case "d":
		p.ask(askDecision, "1 it happened  2 it did not, run again  3 roll back  4 stop here. number, or an empty line for nothing?")
	case "R":
		p.tellPlan(p.snap.Cards[cur])
		for _, l := range statusLines(p.snap, 200) {
			p.say("STATUS", "%s", l.plain())
		}
		for _, l := range recallRows(p.snap, 200) {
			p.say("ALARM", "%s", l.plain())
		}
		p.askMenu()
	case "q":
		p.ask(askLeave, "l leave, the session goes on  e end the session  empty line: stay.")
	default:
		p.tellState()
	}
}

func (p *plain) onLeave(txt string) {
	switch {
	case txt == "l":
		p.result, p.done = Left, true
	case txt == "e" && !running(p.snap.Cards[p.snap.Current]) && p.me.Role == roleOperator:
		p.askReason("end")
	default:
		p.askMenu()
	}
}
