package engines

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

// TestAnIdentityTellsHowItsConnectionIsProtected: by TLS with the certificate that
// was really sent, by nothing, or by never leaving the machine.
func TestAnIdentityTellsHowItsConnectionIsProtected(t *testing.T) {
	server := httptest.NewTLSServer(nil)
	t.Cleanup(server.Close)
	secret, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = secret.Close() })
	sum := sha256.Sum256(server.Certificate().Raw)
	open, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = open.Close() })
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	local, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	var m Meter
	for name, c := range map[string]struct {
		conn          net.Conn
		version, peer string
	}{
		"TLS":          {secret, "TLS 1.2", hex.EncodeToString(sum[:])},
		"in the clear": {m.Wrap(open), Unencrypted, ""},
		"a socket":     {m.Wrap(local), "", ""},
	} {
		var id Identity
		id.Secured(c.conn)
		if id.Extra[ExtraTLS] != c.version || id.Extra[ExtraPeer] != c.peer {
			t.Errorf("%s: %q, want %s by %s", name, id.Extra, c.version, c.peer)
		}
	}
}
