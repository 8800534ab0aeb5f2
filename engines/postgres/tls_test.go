package postgres_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"io"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/turquoise-db/turquoise/engines"
)

// TestTheIdentityTellsOfTLS: the version and the certificate are those of the very
// connection that asked who answers. The other end speaks as much of the protocol
// as a login and one answer need, so that no server has to be given a certificate.
func TestTheIdentityTellsOfTLS(t *testing.T) {
	server := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(server.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		answer(c, &tls.Config{Certificates: server.TLS.Certificates})
	}()
	id, err := open(t, "postgres://ann@"+l.Addr().String()+"/app?sslmode=require").Identify(t.Context())
	sum := sha256.Sum256(server.Certificate().Raw)
	if err != nil || id.Extra[engines.ExtraTLS] != "TLS 1.3" || id.Extra[engines.ExtraPeer] != hex.EncodeToString(sum[:]) {
		t.Errorf("%+v, %v; want the certificate %x", id, err, sum)
	}
}

// answer plays the server: TLS, a login without a password, one row to whatever is
// asked, until the client goes.
func answer(c net.Conn, conf *tls.Config) {
	if _, err := io.ReadFull(c, make([]byte, 8)); err != nil { // SSLRequest
		return
	}
	if _, err := c.Write([]byte{'S'}); err != nil {
		return
	}
	secret := tls.Server(c, conf)
	b := pgproto3.NewBackend(secret, secret)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	row := &pgproto3.DataRow{}
	fields := &pgproto3.RowDescription{}
	for _, v := range []string{"15.18", "150018", "71", "1", "now", "f", "app", "ann", "", "", "", "", "f", "0", "all"} {
		row.Values, fields.Fields = append(row.Values, []byte(v)), append(fields.Fields, pgproto3.FieldDescription{Name: []byte("c")})
	}
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m.(type) {
		case *pgproto3.Parse:
			b.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Bind:
			b.Send(&pgproto3.BindComplete{})
		case *pgproto3.Describe:
			b.Send(fields)
		case *pgproto3.Execute:
			b.Send(row)
			b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		case *pgproto3.Sync:
			b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
	}
}
