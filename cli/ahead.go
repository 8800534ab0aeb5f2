package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// asking is the text by which a person approves a runbook days before.
type asking struct{ who, name, change, from, to, out string }

func (q *asking) flags(f *pflag.FlagSet) {
	f.StringVar(&q.who, "request", "", "write the text by which this person approves the runbook ahead, as the signers file names them")
	f.StringVar(&q.name, "name", "", "that person's full name (default: the same); with --request")
	f.StringVar(&q.change, "change", "", "ticket of the change that it is for; with --request")
	f.StringVar(&q.from, "from", "", "when the approval begins to count, 2026-11-22T01:00:00Z; with --request")
	f.StringVar(&q.to, "to", "", "when it runs out; with --request")
	f.StringVar(&q.out, "out", "", "file for the text (default: approval-RUNBOOK-PERSON.txt); with --request")
}

// any reports whether a flag was given that belongs to a request only.
func (q asking) any() bool {
	return q.name != "" || q.change != "" || q.from != "" || q.to != "" || q.out != ""
}

// ask writes the text that approves a runbook ahead.
func (a *App) askAhead(file string, q asking) error {
	src, err := readBook(file)
	if err != nil {
		return err
	}
	book, fs := runbooks.Parse(file, src) // its file is what is approved, whatever its parameters will be
	if book == nil {
		return a.findings(fs)
	}
	may := slices.ContainsFunc(append(steps.Policies(book, false), steps.Policies(book, true)...), func(p entries.StepPolicy) bool { return p.Ahead })
	if !may {
		return exit(ExitRefused, &engines.Error{Op: "approve ahead", Object: book.Name, Err: fmt.Errorf("no step of it takes an approval ahead"),
			Next: "add ahead: true to the steps that may be approved before the session; one without return never is"})
	}
	x := steps.Ahead{Digest: book.Digest, Runbook: book.Name, Change: q.change}
	for _, t := range []struct {
		flag, text string
		into       *time.Time
	}{{"--from", q.from, &x.From}, {"--to", q.to, &x.To}} {
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return usage("write 2026-11-22T01:00:00Z", "%s %q: not a time", t.flag, t.text)
		}
		*t.into = at
	}
	if !x.To.After(x.From) || !x.To.After(time.Now()) {
		return usage("give a window that is still to come", "--to %s: it ends before it begins, or is over", q.to)
	}
	if q.name == "" {
		q.name = q.who
	}
	text, err := steps.AheadText(x, q.who, q.name, time.Now())
	if err != nil {
		return err
	}
	if q.out == "" {
		q.out = "approval-" + book.Name + "-" + q.who + ".txt"
	}
	if err := writeNew(q.out, text); err != nil {
		return &engines.Error{Op: "write text to sign", Object: q.out, Err: err, Next: "choose another file with --out; a text that waits to be signed is not overwritten"}
	}
	_, err = fmt.Fprintf(a.Out, `%s  approval of %s, sha256 %s. %s reads the runbook, compares
sha256sum of its file with the text, and types:
  ssh-keygen -Y sign -n %s -f ~/.ssh/id_ed25519 %s
The operator then adds to turquoise run:
  --approval %s
`, shell(q.out), book.Name, book.Digest, q.who, audit.NamespaceApproval, shell(q.out), shell(q.out))
	return err
}

// giveAhead hands in the approvals of the runbook that were signed before. One that
// does not fit is refused, on record, with its reason; the session goes on, and the
// step that would have used it asks for a signature.
func (a *App) giveAhead(ctx context.Context, s *session.Session, files []string) error {
	h := s.Handle(session.Person{Name: audit.System, Role: "approver"})
	for _, file := range files {
		text, err := os.ReadFile(file)
		var sig []byte
		if err == nil {
			sig, err = os.ReadFile(file + ".sig")
		}
		if err != nil {
			return &engines.Error{Op: "read approval", Object: file, Err: err, Next: "lay the signed text and its .sig file beside each other"}
		}
		err = h.Do(ctx, session.Intent{Command: steps.Approve{Way: steps.WayAhead, Statement: string(text), Signature: string(sig)}})
		if err != nil {
			a.tell("the approval %s does not count: %v", file, err)
			continue
		}
		a.tell("the approval %s is in the record", file)
	}
	return nil
}
