package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/report"
	"github.com/turquoise-db/turquoise/session"
)

type export struct {
	dir, format, out, why, signers string
	redact                         []string
	verify                         audit.VerifyOptions
	request                        request
	size                           string
	withCast                       bool
	outside                        outside
	heads                          []string
}

var exportFormats = []string{"html", "md", "csv", "json", "ocsf", "cast", "bundle"}

func exportCmd(app *App) *cobra.Command {
	var x export
	c := &cobra.Command{
		Use:   "export DIR",
		Short: "make the report, or a bundle that can be checked without Turquoise",
		Long: `Read the record in DIR, check it, and write what was asked for: a report for
people (html, md), tables and events for programs (csv, json, ocsf), a film of the
cockpit for asciinema (cast), or a bundle with the report, the tables, the record,
its evidence and the commands that check it with stock tools. The record is not changed. A broken record is not exported.

With --redact entries are withheld from the bundle: their hashes stay, so that
chain and seals still verify. The head and the reasons stand in its manifest.

A cast is an illustration, not evidence: its pictures are drawn anew from the
record, and no check depends on them. Silences are cut to three seconds, and each
step is a marker. A bundle holds one, screen.cast, only with --with-cast: the film
that run --film made of the screen, if the closing line names it, which may show data;
else one that is drawn.

With --request nothing is exported: the exact text is written that a person signs
after the close, with stock ssh-keygen, and the commands are printed that sign it
and lay it beside the record, where verify looks for it. countersign is a second
person's word for the whole record (level L2), late:SEQ the approval that was
waived at entry SEQ, erase:SHA the erasure of an evidence file.`,
		Example: `  turquoise export ~/cutovers/20261121-orders-7f3a --format html --out report.html
  turquoise export ./record --format bundle --signers allowed_signers --out night.tqz
  turquoise export ./record --format bundle --redact 41,57 --why 'names a customer' --out night.tqz
  turquoise export ./record --format csv | head
  turquoise export ./record --format cast --out night.cast && asciinema play night.cast
  turquoise export ./record --request countersign --as bob@bank.example
  turquoise export ./record --request late:212 --as bob@bank.example --verdict approved`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			x.dir = args[0]
			if !cmd.Flags().Changed("quorum") && x.outside.any(x.heads) {
				x.verify.Quorum = 1
			}
			return app.export(cmd.Context(), x)
		},
	}
	f := c.Flags()
	f.StringVar(&x.format, "format", "html", strings.Join(exportFormats, ", "))
	f.StringVar(&x.out, "out", "", "file to write (default: standard output)")
	f.StringSliceVar(&x.redact, "redact", nil, "numbers of the entries to withhold; bundle only")
	f.StringVar(&x.why, "why", "", "reason for withholding; needed with --redact")
	f.StringVar(&x.size, "size", "120x40", "screen of a cast, in columns and rows")
	f.BoolVar(&x.withCast, "with-cast", false, "add screen.cast to a bundle: an illustration, not evidence")
	f.StringVar(&x.signers, "signers", "", "file of the people who may sign (ssh allowed_signers)")
	f.StringVar(&x.verify.Origin, "origin", "", "name the record must carry; without it the record's own is believed")
	f.StringArrayVar(&x.heads, "expect-head", nil, "head from the change ticket, for the report: 'ORIGIN SIZE ROOT' (repeatable)")
	x.outside.flags(f)
	f.IntVar(&x.verify.Quorum, "quorum", 0, "anchors that must vouch for the record (default 1 with a head, a witness, a timestamp authority or a bucket)")
	f.StringVar(&x.request.what, "request", "", "write a text to sign: countersign, late:SEQ or erase:SHA")
	f.StringVar(&x.request.as, "as", "", "who will sign it; with --request")
	f.StringVar(&x.request.name, "name", "", "the signer's full name (default: as the record knows it)")
	f.StringVar(&x.request.verdict, "verdict", "", `of a late approval: approved or "not approved"`)
	f.StringVar(&x.request.reason, "reason", "", "of an erasure")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(exportFormats, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (x export) check() (map[int64]string, error) {
	if !slices.Contains(exportFormats, x.format) {
		return nil, usage("choose one of "+strings.Join(exportFormats, ", "), "--format %s: there is no such format", x.format)
	}
	if len(x.redact) > 0 && x.format != "bundle" {
		return nil, usage("add --format bundle", "--redact: only a bundle withholds entries")
	}
	if len(x.redact) > 0 && strings.TrimSpace(x.why) == "" {
		return nil, usage("add --why with the reason that will stand in the bundle", "--redact without a reason")
	}
	if _, err := parseSize(x.size); err != nil {
		return nil, err
	}
	if x.withCast && (x.format != "bundle" || len(x.redact) > 0) {
		return nil, usage("leave it out; --format cast makes one by itself", "--with-cast: only a whole bundle takes one along, a film would show what is withheld")
	}
	if x.request.what == "" && x.request.any() {
		return nil, usage("add --request with the text that is to be signed", "--as, --name, --verdict and --reason belong to --request")
	}
	if x.request.what != "" {
		_, err := x.request.parse(time.Now())
		return nil, err
	}
	redact := map[int64]string{}
	for _, s := range x.redact {
		seq, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil || seq < 0 {
			return nil, usage("give entry numbers as in the report, such as 41,57", "--redact %s: not the number of an entry", s)
		}
		redact[seq] = x.why
	}
	return redact, nil
}

func (a *App) export(ctx context.Context, x export) error {
	redact, err := x.check()
	if err != nil {
		return err
	}
	o := x.verify
	o.Tool = Tool()
	if o.Signers, err = loadSigners(x.signers, x.dir, false); err != nil {
		return err
	}
	if err := x.vouches(ctx, &o); err != nil {
		return err
	}
	n, err := report.Read(x.dir, entries.Verify(x.dir, o))
	if err != nil {
		return err
	}
	if x.request.what != "" {
		return a.ask(x, n)
	}
	for seq := range redact {
		if seq >= int64(len(n.Entries)) {
			return usage("the report lists all entries", "--redact %d: the record has %d entries", seq, len(n.Entries))
		}
	}
	var b bytes.Buffer
	if err := x.write(n, &b, redact); err != nil {
		return &engines.Error{Op: "export", Object: x.dir, Err: err}
	}
	if n.Close == nil {
		a.leftOpen(x, fmt.Sprintf("%x", sha256.Sum256(b.Bytes())), redact)
	}
	if x.out == "" {
		_, err := io.Copy(a.Out, &b)
		return err
	}
	if err := os.WriteFile(x.out, b.Bytes(), 0o600); err != nil {
		return &engines.Error{Op: "write export", Object: x.out, Err: err, Next: "choose another file with --out"}
	}
	_, err = fmt.Fprintf(a.Err, "%s  %s, %d bytes, sha256 %x\nturquoise-head: %s\n", x.out, x.format, b.Len(), sha256.Sum256(b.Bytes()), n.FirstPage().HeadText)
	return err
}

// vouches reads what outsiders said, so that the report has the levels that verify
// would give.
func (x export) vouches(ctx context.Context, o *audit.VerifyOptions) error {
	o.Now = time.Now()
	for _, text := range x.heads {
		h, err := audit.ParseTicket(text)
		if err != nil {
			return usage("copy the line that begins with turquoise-head: from the ticket", "--expect-head %q: %v", text, err)
		}
		o.Vouches = append(o.Vouches, audit.TicketVouch(h))
	}
	if !x.outside.any(nil) {
		return nil
	}
	found, err := x.outside.read(ctx, x.dir, nil)
	if err != nil {
		return err
	}
	o.Vouches, o.Skipped = append(o.Vouches, found.vouches...), found.skipped
	return nil
}

// leftOpen leaves a note of an export of an open session, which its cockpit writes
// into the record.
func (a *App) leftOpen(x export, sum string, redact map[int64]string) {
	to := x.out
	if to == "" {
		to = "standard output"
	}
	note := session.Exported{By: osUser(), Format: x.format, SHA256: sum, To: to, Redacted: slices.Sorted(maps.Keys(redact))}
	if err := session.LeaveExport(x.dir, note); err != nil {
		a.tell("the session is open, and this export could not be noted for its record: %v", err)
		return
	}
	a.tell("the session is open: its cockpit writes this export into the record; a suspended one when it is resumed")
}

func (x export) write(n *report.Night, w io.Writer, redact map[int64]string) error {
	switch x.format {
	case "md":
		return n.Markdown(w)
	case "csv":
		return n.CSV(w)
	case "json":
		return n.JSON(w)
	case "ocsf":
		return n.OCSF(w)
	case "cast":
		return x.cast(w)
	case "bundle":
		b := report.Bundling{By: osUser(), At: time.Now().UTC().Format(time.RFC3339), Tool: Tool(), Redact: redact}
		if x.signers != "" {
			var err error
			if b.Signers, err = os.ReadFile(x.signers); err != nil {
				return err
			}
		}
		if x.withCast {
			film, err := x.film(n)
			if err != nil {
				return err
			}
			b.Cast = film
		}
		return n.Bundle(w, b)
	}
	return n.HTML(w)
}

// film is the film that the closing line names; where it names none, one that is
// drawn anew.
func (x export) film(n *report.Night) ([]byte, error) {
	if n.Close == nil || n.Close.CastSHA256 == "" {
		var film bytes.Buffer
		err := x.cast(&film)
		return film.Bytes(), err
	}
	film, err := os.ReadFile(filepath.Join(x.dir, audit.CastFile))
	if err == nil && fmt.Sprintf("%x", sha256.Sum256(film)) != n.Close.CastSHA256 {
		err = errors.New("it is not the one that the closing line names")
	}
	return film, err
}

func (x export) cast(w io.Writer) error {
	z, err := parseSize(x.size)
	if err != nil {
		return err
	}
	return writeCast(w, x.dir, z)
}
