package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// smallRecord is a record without people, closed.
func smallRecord(t *testing.T, what string) string {
	t.Helper()
	dir, start := t.TempDir(), time.Now()
	const sid = "20261121-orders-7f3a"
	l, err := audit.Create(dir, audit.Options{Sid: sid, Origin: "audit.example/turquoise/" + sid, Types: entries.Types(), Now: time.Now,
		Mono: func() time.Duration { return time.Since(start) }, Rand: rand.Reader, First: func(o audit.Opening) audit.Line {
			return audit.Line{Meta: audit.Meta{By: "alice"}, Body: entries.SessionOpen{Origin: o.Origin, Mode: "lab", VKey: o.VKey}}
		}})
	if err == nil {
		_, err = l.Append(audit.Meta{By: "alice"}, entries.HoldBegin{Reason: what})
	}
	if err == nil {
		err = l.Close(audit.Meta{By: "alice"}, entries.SessionClose{Result: "cut_over"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func turquoise(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Main(args, strings.NewReader(""), &out, &errs); got != want {
		t.Errorf("turquoise %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &errs)
	}
	return out.String() + errs.String()
}

// startWitness runs the verb and gives its key and address.
func startWitness(t *testing.T, dir string) (key, address string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r, w := io.Pipe()
	app := &App{Out: w, Err: io.Discard}
	done := make(chan error, 1)
	go func() {
		done <- app.witness(ctx, witnessing{listen: "127.0.0.1:0", name: "w.example/bob", key: filepath.Join(dir, "key"), state: filepath.Join(dir, "state")})
		_ = w.Close()
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("witness: %v", err)
		}
	})
	s := bufio.NewScanner(r)
	for _, into := range []*string{&key, &address} {
		if !s.Scan() {
			t.Fatal("the witness does not tell its key and its address")
		}
		*into = s.Text()
	}
	return key, address
}

func TestAnchorAndVerifyByFlags(t *testing.T) {
	state := t.TempDir()
	key, address := startWitness(t, state)
	again, _ := startWitness(t, state)
	if again != key {
		t.Errorf("a second start makes another key: %s, %s", key, again)
	}
	dir, forged := smallRecord(t, "as it was"), smallRecord(t, "as it never was")
	out := turquoise(t, 0, "anchor", dir, "--anchor-witness", address+"="+key)
	head, _, _ := strings.Cut(out, "\n")
	if !strings.HasPrefix(head, "turquoise-head: audit.example/turquoise/20261121-orders-7f3a ") || !strings.Contains(out, "witness  w.example/bob  ") {
		t.Errorf("anchor says %s", out)
	}
	turquoise(t, 0, "anchor", dir, "--anchor-witness", address+"="+key) // the same head once more
	if out := turquoise(t, 1, "anchor", forged, "--anchor-witness", address+"="+key); !strings.Contains(out, "history was rewritten") {
		t.Errorf("the witness takes a forged night: %s", out)
	}
	if out := turquoise(t, 0, "verify", dir, "--quorum", "2", "--witness", key, "--expect-head", head); !strings.Contains(out, "L3 seen by others  entries 0-") {
		t.Errorf("verify says %s", out)
	}
	if out := turquoise(t, 1, "verify", forged, "--expect-head", head); !strings.Contains(out, "the ticket's head at") {
		t.Errorf("verify says %s", out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{{nil, "not met: no anchor vouches for this record"}, {[]string{"--witness", key}, "entries 0-"}, {[]string{"--expect-head", head}, "entries 0-"}} {
		if out := turquoise(t, 0, append([]string{"export", dir, "--format", "md"}, c.args...)...); !strings.Contains(out, c.want) {
			t.Errorf("the report made with %q does not say %q:\n%s", c.args, c.want, out)
		}
	}
	turquoise(t, 4, "verify", dir, "--quorum", "3", "--witness", key, "--expect-head", head)
	turquoise(t, 4, "verify", dir) // a receipt of a witness whose key was not given
}

func TestAnchorsThatMakeNoSense(t *testing.T) {
	dir := smallRecord(t, "x")
	for _, args := range [][]string{
		{"anchor", "nowhere"},
		{"anchor", dir, "--anchor-s3", "s3://b/p"},
		{"anchor", dir, "--anchor-witness", "http://127.0.0.1:1"},
		{"anchor", dir, "--anchor-tsa", "http://127.0.0.1:1", "--anchor-tsa-ca", "nowhere.pem"},
		{"verify", dir, "--witness", "bob"},
		{"verify", dir, "--tsa", "nowhere.pem"},
		{"verify", dir, "--s3", "b"},
		{"verify", dir, "--pg-log", "nowhere.log"},
		{"verify", dir, "--expect-head", "o 1"},
		{"verify", dir, "--runbook", "nowhere.yaml"},
		{"verify", dir, "--trust-bundled-signers"},
		{"witness", "--name", "w", "--key", "k", "--state", "s", "--listen", "0.0.0.0:1"},
	} {
		turquoise(t, ExitUsage, args...)
	}
}
