package anchors

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// TSA takes heads to a timestamp authority (RFC 3161). The stamp is made over
// the three lines of the checkpoint, so that stock tools can check it.
type TSA struct {
	url   string
	roots *x509.CertPool // nil: the reply is kept unchecked; verify checks it
	http  *http.Client
}

// NewTSA names an authority by its address. With roots a reply that does not
// check is refused at once. The address may be plain http: the reply is signed
// and the request holds a hash.
func NewTSA(address string, roots *x509.CertPool) *TSA {
	return &TSA{url: address, roots: roots, http: &http.Client{}}
}

// Kind is audit.AnchorTSA.
func (t *TSA) Kind() string { return audit.AnchorTSA }

// Name is the address.
func (t *TSA) Name() string { return t.url }

// Take has the head stamped and keeps checkpoint and reply.
func (t *TSA) Take(ctx context.Context, p Point) (Receipt, error) {
	reply, nonce, err := t.ask(ctx, p.Head)
	var at time.Time
	if err == nil {
		at, err = checkStamp(reply, p.Head, nonce, t.roots)
	}
	if err != nil {
		return Receipt{}, &Error{Op: "ask timestamp authority", Object: t.url, Err: err, Next: "look at the authority; the session goes on without it"}
	}
	base := fmt.Sprintf("%08d", p.Head.Size)
	for name, data := range map[string][]byte{base + ".checkpoint": []byte(p.Head.Text()), base + ".tsr": reply} {
		path, err := p.path(name)
		if err == nil {
			err = keep(path, data)
		}
		if err != nil {
			return Receipt{}, &Error{Op: "keep timestamp", Object: name, Err: err}
		}
	}
	sum := sha256.Sum256(reply)
	return Receipt{Kind: t.Kind(), Name: t.Name(), At: at, Size: p.Head.Size, File: "anchors/" + base + ".tsr", SHA256: hex.EncodeToString(sum[:])}, nil
}

func (t *TSA) ask(ctx context.Context, h audit.Head) (reply []byte, nonce *big.Int, err error) {
	if nonce, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63)); err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256([]byte(h.Text()))
	ask, err := query(sum[:], nonce)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(ask))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	res, err := t.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	reply, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return reply, nonce, err
}

var errImprint = errors.New("message imprint mismatch: it was made over something else")

// checkStamp gives the time of a reply that fits the head. Without roots nobody
// has checked who stamped it.
func checkStamp(reply []byte, h audit.Head, nonce *big.Int, roots *x509.CertPool) (time.Time, error) {
	s, err := parseStamp(reply)
	if err != nil {
		return time.Time{}, err
	}
	if sum := sha256.Sum256([]byte(h.Text())); !bytes.Equal(s.info.Imprint.Hash, sum[:]) {
		return time.Time{}, errImprint
	}
	if nonce != nil && (s.info.Nonce == nil || s.info.Nonce.Cmp(nonce) != 0) {
		return time.Time{}, errors.New("the reply is to another question")
	}
	if roots == nil {
		return s.at, nil
	}
	return s.at, s.verify(roots)
}
