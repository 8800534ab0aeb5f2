package report

import (
	"fmt"
	"io"
	"strings"
)

// Markdown writes page 1 for the change ticket.
func (n *Night) Markdown(w io.Writer) error {
	p := n.FirstPage()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", mdText(p.Title))
	row := func(k, v string) { fmt.Fprintf(&b, "| %s | %s |\n", k, mdText(v)) }
	b.WriteString("| | |\n|---|---|\n")
	row("Session", p.Sid+", "+p.Mode)
	row("Change", p.Ticket+" "+p.TicketTitle)
	row("Verdict", p.Verdict+", "+p.Level)
	for _, l := range n.Verified.Levels {
		row(l.Name, l.Text)
	}
	if c := n.Verified.Copies; c != "" {
		row("Evidence elsewhere", c)
	}
	row("Result", p.Result+"; writes on "+p.WritesOn)
	row("Window", p.ActualWindow+" (planned: "+p.PlannedWindow+")")
	row("Freeze", strings.TrimSuffix(p.FreezeFor+", "+p.FreezeUntil, ", "))
	row("Client-side outage", p.Outage)
	row("Rows", n.Data.Rows)
	row("Sequences", n.Data.Sequences)
	row("Lag", n.Data.Lag)
	for _, t := range n.Data.Checks {
		row("Checks, "+t.Name(), t.Text())
	}
	row("Operator", p.Operator)
	row("Author of the runbook", p.Author)
	row("Runbook", p.Purpose+", "+p.Source)
	row("Four eyes", p.FourEyes)
	row("Checked by", dash(p.VerifiedBy)+"; "+p.SignersFile)
	row("Head", p.HeadText)
	b.WriteString("\n## Exceptions\n\n")
	for _, x := range n.Exceptions {
		if len(x.Items) == 0 {
			fmt.Fprintf(&b, "- %s: none\n", x.Kind)
			continue
		}
		fmt.Fprintf(&b, "- %s:\n", x.Kind)
		for _, i := range x.Items {
			fmt.Fprintf(&b, "  - entry %d%s: %s\n", i.Seq, stepOf(i), mdText(i.What))
		}
	}
	for _, c := range n.Data.Cautions {
		fmt.Fprintf(&b, "- caution, entry %d, %s %s: %s\n", c.Seq, mdText(c.Target), mdText(c.CheckResult.Check), mdText(c.Is))
	}
	for _, l := range n.After {
		fmt.Fprintf(&b, "- signed after the close by %s, %s: %s\n", mdText(l.By), mdText(l.At), mdText(l.What))
	}
	b.WriteString("\n## What no check of a record can show\n\n")
	for _, s := range CannotShow {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func stepOf(i Exception) string {
	if i.Step == "" {
		return ""
	}
	return ", step " + i.Step
}

// mdText keeps text of the record from becoming markup in a ticket.
func mdText(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "`", "'", "[", `\[`, "]", `\]`, "\n", " ").Replace(s)
}
