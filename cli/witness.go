package cli

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/turquoise-db/turquoise/anchors"
	"github.com/turquoise-db/turquoise/audit/entries"
	"github.com/turquoise-db/turquoise/engines"
)

type witnessing struct {
	listen, name, key, state, signers string
}

func witnessCmd(app *App) *cobra.Command {
	var x witnessing
	c := &cobra.Command{
		Use:   "witness",
		Short: "co-sign the records of others while they are written",
		Long: `Be the witness of a cutover that somebody else operates. The lines of the record
come here as they are sealed; they are held to the same form, chain and keys as
verify holds them to, and each head that goes on from the one before is
co-signed with the time. A record that was rewritten is refused.

Run it on a machine and under a login that the operator cannot change: the folder
of --state is what tells a rewritten record. The key file is made if it is
missing. The lines hold the statements of the cutover, so plain http is for this
machine and for tunnels only.`,
		Example: `  turquoise witness --name witness.example/bob --key witness.key --state ~/witness
  turquoise witness --name witness.example/bob --key witness.key --state ~/witness --listen 127.0.0.1:7633 --signers allowed_signers`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return app.witness(cmd.Context(), x) },
	}
	f := c.Flags()
	f.StringVar(&x.listen, "listen", "127.0.0.1:7633", "address to listen on, of this machine only")
	f.StringVar(&x.name, "name", "", "name of the witness, without blanks")
	f.StringVar(&x.key, "key", "", "file of its secret key; made if it is missing")
	f.StringVar(&x.state, "state", "", "folder that remembers what was seen")
	f.StringVar(&x.signers, "signers", "", "file of the people who may operate (ssh allowed_signers)")
	for _, name := range []string{"name", "key", "state"} {
		_ = c.MarkFlagRequired(name) // the flags stand four lines above
	}
	return c
}

func (a *App) witness(ctx context.Context, x witnessing) error {
	host, _, err := net.SplitHostPort(x.listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return usage("listen on 127.0.0.1 and let a tunnel or a TLS proxy bring the lines", "--listen %s: not an address of this machine only", x.listen)
	}
	signers, err := loadSigners(x.signers, "", false)
	if err != nil {
		return err
	}
	seed, err := witnessSeed(x.key, x.name)
	if err != nil {
		return err
	}
	w, err := anchors.NewWitness(x.name, seed, x.state, entries.Types(), signers, time.Now)
	if err != nil {
		return exit(ExitUsage, err)
	}
	w.Told = func(text string) { a.tell("%s", text) }
	l, err := net.Listen("tcp", x.listen)
	if err != nil {
		return &engines.Error{Op: "listen", Object: x.listen, Err: err, Next: "choose another address with --listen"}
	}
	if _, err := fmt.Fprintf(a.Out, "%s\nhttp://%s\n", w.Key(), l.Addr()); err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	srv := &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })() // Serve tells of it
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// witnessSeed reads the secret key, or makes it and puts it where it was asked for.
func witnessSeed(file, name string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		_, seed, err := anchors.NewWitnessKey(name, rand.Reader)
		if err == nil {
			err = os.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(seed)+"\n"), 0o600)
		}
		if err != nil {
			return nil, &engines.Error{Op: "make the witness's key", Object: file, Err: err}
		}
		return seed, nil
	}
	var seed []byte
	if err == nil {
		seed, err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(data)))
	}
	if err != nil {
		return nil, &engines.Error{Op: "read the witness's key", Object: file, Err: err, Next: "name the file that turquoise witness made"}
	}
	return seed, nil
}
