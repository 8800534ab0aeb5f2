package engines

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
)

// Keys of Extra about the connection itself. Both are missing where there is no
// network between us and the server, or where the engine cannot tell.
const (
	ExtraTLS  = "tls"      // the version of TLS, "TLS 1.3"; Unencrypted if there is none
	ExtraPeer = "tls_peer" // SHA-256 of the server's certificate as it was sent, in hex
)

// Unencrypted is the ExtraTLS of a network connection that anyone on the way can
// read.
const Unencrypted = "off"

// Secured puts into Extra how a driver's connection is protected. A socket of this
// machine says nothing.
func (i *Identity) Secured(c net.Conn) {
	if m, ok := c.(metered); ok {
		c = m.Conn // pgx hands over what lies above TLS
	}
	if t, ok := c.(*tls.Conn); ok {
		state := t.ConnectionState()
		i.SecuredBy(&state)
	} else if a := c.RemoteAddr(); a != nil && a.Network() != "unix" {
		i.SecuredBy(nil)
	}
}

// SecuredBy is Secured for a driver that shows the state of TLS alone; nil is a
// connection without it.
func (i *Identity) SecuredBy(state *tls.ConnectionState) {
	if i.Extra == nil {
		i.Extra = map[string]string{}
	}
	if state == nil {
		i.Extra[ExtraTLS] = Unencrypted
		return
	}
	i.Extra[ExtraTLS] = tls.VersionName(state.Version)
	if len(state.PeerCertificates) > 0 {
		sum := sha256.Sum256(state.PeerCertificates[0].Raw)
		i.Extra[ExtraPeer] = hex.EncodeToString(sum[:])
	}
}
