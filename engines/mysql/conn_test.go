package mysql_test

import (
	"strings"
	"testing"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/mysql"
	"github.com/turquoise-db/turquoise/lab"
	"github.com/turquoise-db/turquoise/lab/labtest"
)

// flavours runs a test against both products, each with a pair of its own.
func flavours(t *testing.T, test func(t *testing.T, l *lab.MySQLPairLab)) {
	t.Helper()
	for _, f := range []string{lab.FlavorMySQL, lab.FlavorMariaDB} {
		t.Run(f, func(t *testing.T) { test(t, labtest.MySQLPair(t, lab.MySQLOptions{Flavor: f})) })
	}
}

func conn(t *testing.T, target engines.TargetID, dsn, role string) *mysql.Conn {
	t.Helper()
	c, err := mysql.Open(engines.OpenRequest{Ctx: t.Context(), Target: target, DSN: dsn, Run: "s7f3", Sid: "20261121-orders-7f3a", Person: "ann", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// first is the first row of a statement's answer.
func first(t *testing.T, c engines.Conn, text string, args ...string) string {
	t.Helper()
	res, err := c.Do(t.Context(), engines.Statement{Text: text, Args: args, Limit: 5 * time.Second})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	is, _ := res.First()
	return is
}

// TestAConnection looks at what plans rely on: who answers, what a literal
// means, what is logged, and which comment the server sees.
func TestAConnection(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		c := conn(t, "blue", l.BlueDSN(), "executor")
		blue, err := c.Identify(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if blue.Extra["product"] != l.Flavor || blue.Extra["gtid"] != "1" || blue.Lab != l.RunID || !blue.Writable || blue.Started == "" {
			t.Errorf("%+v", blue)
		}
		if blue.Extra[engines.ExtraTLS] != engines.Unencrypted || blue.Extra[engines.ExtraPeer] != "" {
			t.Errorf("a line in the clear is called %q by %q", blue.Extra[engines.ExtraTLS], blue.Extra[engines.ExtraPeer])
		}
		if l.Flavor == lab.FlavorMySQL { // it makes a certificate by itself
			line := strings.TrimSuffix("mysql://"+strings.NewReplacer("@tcp(", "@", ")", "").Replace(l.BlueDSN()), "?") + "?tls=skip-verify"
			secret, err := conn(t, "blue", line, "executor").Identify(t.Context())
			if err != nil || secret.Extra[engines.ExtraTLS] != "TLS 1.3" || len(secret.Extra[engines.ExtraPeer]) != 64 {
				t.Errorf("by TLS: %+v, %v", secret, err)
			}
		}
		green, err := conn(t, "green", l.GreenDSN(), "executor").Identify(t.Context())
		if err != nil || green.Same(blue) || green.System == blue.System {
			t.Errorf("%+v, %v", green, err)
		}
		if got := first(t, c, `SELECT 'a\', $1`, "b'"); got != `a\ / b'` {
			t.Errorf("literals: %s", got)
		}
		if got := first(t, c, "SELECT @@session.sql_log_bin, @@session.lock_wait_timeout, @@session.time_zone"); got != "1 / 3 / +00:00" {
			t.Errorf("session: %s", got)
		}
		if got := first(t, conn(t, "green", l.GreenDSN(), "unlogged"), "SELECT @@session.sql_log_bin"); got != "0" {
			t.Errorf("the unlogged session logs: %s", got)
		}
		own := "SELECT info FROM information_schema.processlist WHERE id = CONNECTION_ID()"
		for tag, want := range map[string]string{"": "/* tq s=20261121-orders-7f3a g=executor */ ", "/* tq s=x n=1 */": "/* tq s=x n=1 */ "} {
			res, err := c.Do(t.Context(), engines.Statement{Text: own, Tag: tag, Limit: 5 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if is, _ := res.First(); !strings.HasPrefix(is, want+own) {
				t.Errorf("the server was sent %q", is)
			}
		}
		if got := first(t, c, "SHOW GLOBAL VARIABLES LIKE 'log_bin'\n-- of the answer: Value"); got != "ON" {
			t.Errorf("kept column: %q", got)
		}
		if got := first(t, c, "SHOW GLOBAL VARIABLES LIKE 'no_such'\n-- of the answer: Value"); got != "none" {
			t.Errorf("no row: %q", got)
		}
	})
}

// TestInFlightSeesALostStatement: a client that goes away ends nothing.
func TestInFlightSeesALostStatement(t *testing.T) {
	flavours(t, func(t *testing.T, l *lab.MySQLPairLab) {
		lost, c := conn(t, "blue", l.BlueDSN(), "executor"), conn(t, "blue", l.BlueDSN(), "executor")
		const tag = "/* tq s=20261121-orders-7f3a n=12 i=1 "
		done := make(chan error, 1)
		go func() {
			_, err := lost.Do(t.Context(), engines.Statement{Text: "SELECT 1 FROM (SELECT 1) t WHERE SLEEP(2)", Tag: tag + "h=00 */", Limit: 20 * time.Second})
			done <- err
		}()
		seen := false
		for over := time.Now().Add(20 * time.Second); !seen && time.Now().Before(over); {
			flies, err := c.InFlight(t.Context(), tag)
			if err != nil {
				t.Fatal(err)
			}
			seen = flies
		}
		if err := <-done; err != nil || !seen {
			t.Errorf("seen %v, %v", seen, err)
		}
		until(t, "the statement that has ended is gone", func() (bool, error) {
			flies, err := c.InFlight(t.Context(), tag)
			return !flies, err
		})
		if err := lost.Close(); err != nil {
			t.Fatal(err)
		}
		until(t, "the closed session is gone", func() (bool, error) { return c.Gone(t.Context(), lost.Session()) })
	})
}

// until asks a server again and again for what must come by itself, and not
// faster than MySQL makes its list of transactions anew.
func until(t *testing.T, what string, ask func() (bool, error)) {
	t.Helper()
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for over := time.Now().Add(20 * time.Second); ; <-tick.C {
		ok, err := ask()
		switch {
		case err != nil:
			t.Fatalf("%s: %v", what, err)
		case ok:
			return
		case time.Now().After(over):
			t.Fatalf("%s: not so after 20 s", what)
		}
	}
}
