package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/report"
)

// request is a text that somebody asks to sign after the close.
type request struct {
	what, as, name, verdict, reason string
}

// any reports whether a flag was given that belongs to a request only.
func (q request) any() bool { return q.as != "" || q.name != "" || q.verdict != "" || q.reason != "" }

// parse understands countersign, late:SEQ and erase:SHA.
func (q request) parse(now time.Time) (report.Request, error) {
	r := report.Request{As: q.as, Name: q.name, Verdict: q.verdict, Reason: q.reason, At: now}
	what, of, _ := strings.Cut(q.what, ":")
	var err error
	switch what {
	case "countersign":
		r.Kind = audit.Countersign
		if of != "" {
			err = errNoSuchRequest
		}
	case "late":
		r.Kind = audit.LateApproval
		r.Waiver, err = strconv.ParseInt(of, 10, 64)
	case "erase":
		r.Kind, r.Evidence = audit.Erasure, of
		if of == "" {
			err = errNoSuchRequest
		}
	default:
		err = errNoSuchRequest
	}
	switch {
	case err != nil:
		return r, usage("say countersign, late:SEQ with the entry of the waiver, or erase:SHA with the name of the evidence file", "--request %s: there is no such text", q.what)
	case q.as == "":
		return r, usage("name the person who will sign, as in the allowed_signers file", "--request without --as")
	case q.verdict != "" && r.Kind != audit.LateApproval:
		return r, usage("leave it out", "--verdict: only a late approval has one")
	case q.verdict != "" && !slices.Contains([]string{report.Approved, report.NotApproved}, q.verdict):
		return r, usage(`say approved or "not approved"`, "--verdict %s: there is no such verdict", q.verdict)
	case q.reason != "" && r.Kind != audit.Erasure:
		return r, usage("leave it out", "--reason: only an erasure has one; a countersignature and a late approval are sentences already")
	}
	return r, nil
}

var errNoSuchRequest = errors.New("no such request")

// ask writes the text to sign into a file and tells what to do with it. The file
// does not go into after/ by itself: there a text without its signature makes
// verify say that the record was tampered with.
func (a *App) ask(x export, n *report.Night) error {
	r, err := x.request.parse(time.Now())
	if err != nil {
		return err
	}
	p, err := n.Paper(r)
	if err != nil {
		return exit(ExitRefused, &engines.Error{Op: "make text to sign", Object: x.dir, Err: err, Next: nextOf(err)})
	}
	out := x.out
	if out == "" {
		out = p.Name
	}
	if err := writeNew(out, p.Text); err != nil {
		return &engines.Error{Op: "write text to sign", Object: out, Err: err, Next: "choose another file with --out; a text that waits to be signed is not overwritten"}
	}
	after := filepath.Join(x.dir, "after")
	laid := filepath.Join(after, p.Name)
	_, err = fmt.Fprintf(a.Out, `%s  %s, %d bytes. Read it, then type:
  ssh-keygen -Y sign -n %s -f ~/.ssh/id_ed25519 %s
  mkdir -p %s && mv %s %s && mv %s %s
  turquoise verify --signers ALLOWED_SIGNERS %s
`, out, r.Kind, len(p.Text), p.Namespace, shell(out), shell(after), shell(out), shell(laid), shell(out+".sig"), shell(laid+".sig"), shell(x.dir))
	if err == nil && r.Kind == audit.Erasure {
		_, err = fmt.Fprintf(a.Out, "  rm %s\n", shell(filepath.Join(x.dir, "evidence", r.Evidence)))
	}
	return err
}

func nextOf(err error) string {
	var n interface{ NextMove() string }
	if errors.As(err, &n) {
		return n.NextMove()
	}
	return "turquoise verify says what is wrong with the record"
}

func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

var shellSafe = regexp.MustCompile(`^[A-Za-z0-9_./@%+=:,-]+$`)

// shell writes a path so that it can be typed.
func shell(path string) string {
	if shellSafe.MatchString(path) && !strings.HasPrefix(path, "-") {
		return path
	}
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
