package cli

import (
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/turquoise-db/turquoise/audit/entries"
)

// ticket is what the flags say of the change that a session is for, and of whose
// record it is: an auditor asks for both first.
type ticket struct {
	title, url, window, domain string
}

func (k *ticket) flags(f *pflag.FlagSet) {
	f.StringVar(&k.title, "change-title", "", "what the ticket calls the change, for the record")
	f.StringVar(&k.url, "change-url", "", "address of the ticket, for the record")
	f.StringVar(&k.window, "change-window", "", "planned window of the change, FROM,TO as RFC 3339; the report sets it beside the actual one")
	f.StringVar(&k.domain, "audit-domain", localDomain, "name under which auditors know your records, such as audit.bank.example")
}

// localDomain stands in the name of a record of which nobody said whose it is.
const localDomain = "local"

var domainForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// check refuses what would stand wrong in the first line of the record.
func (k ticket) check() error {
	if k.domain != "" && !domainForm.MatchString(k.domain) {
		return usage("write a name such as audit.bank.example", "--audit-domain %q: letters, digits, dots and dashes only", k.domain)
	}
	if k.window != "" {
		if _, _, err := span(k.window); err != nil {
			return usage("write it as 2026-11-21T02:00:00Z,2026-11-21T04:00:00Z", "--change-window %s: %v", k.window, err)
		}
	}
	return nil
}

// entry is the change as the record has it. The number of the ticket comes with
// the session.
func (k ticket) entry() entries.Change {
	c := entries.Change{Title: strings.TrimSpace(k.title), URL: strings.TrimSpace(k.url)}
	if from, to, err := span(k.window); err == nil {
		c.WindowFrom, c.WindowTo = from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)
	}
	return c
}

// origin names the record of a session.
func (k ticket) origin(sid string) string {
	if k.domain == "" {
		return localDomain + "/turquoise/" + sid
	}
	return k.domain + "/turquoise/" + sid
}

// span reads two times with a comma between them, the earlier first.
func span(text string) (from, to time.Time, err error) {
	a, b, _ := strings.Cut(text, ",")
	from, err = time.Parse(time.RFC3339, a)
	if err == nil {
		to, err = time.Parse(time.RFC3339, b)
	}
	if err != nil || !to.After(from) {
		return from, to, errors.New("not two times, the earlier first")
	}
	return from, to, nil
}
