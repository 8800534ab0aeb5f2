package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// anchoring is where heads are taken to.
type anchoring struct {
	witnesses []string // URL=KEY
	tsa, tsaCA,
	bucket, until, evidence string
	limit time.Duration
}

func (x *anchoring) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&x.witnesses, "anchor-witness", nil, "address and key of a witness: URL=NAME+ID+KEY (repeatable)")
	f.StringVar(&x.tsa, "anchor-tsa", "", "address of a timestamp authority (RFC 3161)")
	f.StringVar(&x.tsaCA, "anchor-tsa-ca", "", "its certificates (PEM); with them a wrong reply is refused at once")
	f.StringVar(&x.bucket, "anchor-s3", "", "s3://BUCKET/PREFIX for locked copies; AWS configuration as for the AWS tools")
	f.StringVar(&x.until, "anchor-s3-until", "", "date until which nobody can delete them: YYYY-MM-DD")
	f.StringVar(&x.evidence, "anchor-s3-evidence", "erasable", "evidence files in that bucket: erasable, locked (nobody can erase what is personal in them either) or none")
	f.DurationVar(&x.limit, "anchor-limit", 10*time.Second, "what one anchor may take; only a step with anchor: before, or without return, waits for it")
}

// all makes the anchors that the flags name; none is a list of none.
func (x anchoring) all(ctx context.Context, now time.Time) ([]anchors.Anchor, error) {
	var out []anchors.Anchor
	for _, text := range x.witnesses {
		address, key64, ok := cutLast(text)
		key, err := anchors.ParseWitnessKey(key64)
		if !ok || err != nil {
			return nil, usage("write URL=NAME+ID+KEY; turquoise witness prints the key", "--anchor-witness %s: no witness", text)
		}
		w, err := anchors.NewWitnessAnchor(address, key)
		if err != nil {
			return nil, exit(ExitUsage, err)
		}
		out = append(out, w)
	}
	if x.tsa != "" {
		roots, err := certificates(x.tsaCA)
		if err != nil {
			return nil, err
		}
		out = append(out, anchors.NewTSA(x.tsa, roots))
	}
	if x.bucket == "" {
		return out, nil
	}
	until, err := time.Parse(time.DateOnly, x.until)
	if err != nil {
		return nil, usage("add --anchor-s3-until YYYY-MM-DD: there is no default, for it cannot be taken back", "--anchor-s3 without a date")
	}
	client, err := anchors.S3Client(ctx)
	if err != nil {
		return nil, err
	}
	s, err := anchors.NewS3(client, x.bucket, until, now)
	if err != nil {
		return nil, exit(ExitUsage, err)
	}
	switch out = append(out, s); x.evidence {
	case "none":
		return out, nil
	case "erasable", "locked":
		return append(out, anchors.NewS3Evidence(s, x.evidence == "locked", entries.Types())), nil
	}
	return nil, usage("give erasable, locked or none", "--anchor-s3-evidence %s: there is no such way", x.evidence)
}

// beside gives the session its anchors.
func (x anchoring) beside(ctx context.Context, all []anchors.Anchor, cfg *session.Config) {
	if len(all) == 0 {
		return
	}
	dir, sid := cfg.Dir, cfg.Sid
	cfg.AnchorLimit = x.limit
	cfg.Anchor = func(to session.Anchored) session.Anchors {
		return anchors.Run(context.WithoutCancel(ctx), anchors.RunnerOptions{Dir: dir, Sid: sid, Limit: x.limit, Now: time.Now,
			Got: func(r anchors.Receipt) {
				to.Receipt(entries.AnchorReceipt{At: r.At.UTC().Format(time.RFC3339), Detail: r.Detail, File: r.File, Kind: r.Kind, Name: r.Name, SHA256: r.SHA256, Size: r.Size})
			},
			Failed: func(_ anchors.Anchor, since time.Time, err error) { to.Failed(since, err) },
			Spared: func(a anchors.Anchor, line int) { to.Spared(a.Name(), line) },
		}, all...)
	}
}

// cutLast cuts URL=KEY before the name of the key: both halves may hold a "=".
func cutLast(text string) (address, key string, ok bool) {
	for i := range text {
		if text[i] != '=' {
			continue
		}
		if _, err := anchors.ParseWitnessKey(text[i+1:]); err == nil {
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

func anchorCmd(app *App) *cobra.Command {
	var x anchoring
	c := &cobra.Command{
		Use:   "anchor DIR",
		Short: "take the last head of a record to somebody outside",
		Long: `Take the head of the last seal of the record in DIR outside: to a witness, to a
timestamp authority, to a bucket whose objects nobody can delete. The receipts
are files in DIR/anchors; the record itself is not changed, so this works after
the close as well. The head is printed as one line for the change ticket, which
is the cheapest anchor; with no flags that is all.

Without an anchor whoever holds the operator's key can write the whole night
anew, and nothing shows it.`,
		Example: `  turquoise anchor ./record
  turquoise anchor ./record --anchor-tsa http://tsa.example/ --anchor-tsa-ca tsa-ca.pem
  turquoise anchor ./record --anchor-s3 s3://records-of-audit/cutovers --anchor-s3-until 2033-11-21`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return app.anchor(cmd.Context(), args[0], x) },
	}
	x.flags(c.Flags())
	return c
}

func (a *App) anchor(ctx context.Context, dir string, x anchoring) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return exit(ExitUsage, &engines.Error{Op: "open record", Object: dir, Err: errNotFolder, Next: "name the folder that holds the record's log"})
	}
	rec, err := audit.Load(dir)
	if err != nil {
		return err
	}
	all, err := x.all(ctx, time.Now())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.Out, rec.Head.Ticket()); err != nil {
		return err
	}
	var failed error
	for _, to := range all {
		if err := a.anchorTo(ctx, to, anchors.Point{Dir: dir, Sid: rec.Sid, Head: rec.Head}, x.limit); err != nil {
			a.print(err)
			failed = exit(ExitFailed, nil)
		}
	}
	return failed
}

func (a *App) anchorTo(ctx context.Context, to anchors.Anchor, p anchors.Point, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := to.Take(ctx, p)
	if err != nil {
		return err
	}
	if r.Kind == "" {
		_, err = fmt.Fprintf(a.Out, "%-8s %s  nothing new\n", to.Kind(), to.Name())
		return err
	}
	_, err = fmt.Fprintf(a.Out, "%-8s %s  %s  %s\n", r.Kind, r.Name, r.At.UTC().Format(time.RFC3339), r.File)
	return err
}
