package anchors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/audit"
)

// WitnessAnchor takes heads to a witness.
type WitnessAnchor struct {
	url  string
	key  WitnessKey
	from int64 // entries that the witness has seen, as far as we know
	http *http.Client
}

// NewWitnessAnchor names a witness by its address and its key. A plain http
// address must be on this machine, as the near end of a tunnel is: the lines of
// the record go over it.
func NewWitnessAnchor(address string, key WitnessKey) (*WitnessAnchor, error) {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "http" {
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			err = errors.New("plain http leaves this machine")
		}
	} else if err == nil && u.Scheme != "https" {
		err = errors.New("neither https nor http")
	}
	if err != nil {
		return nil, &Error{Op: "name witness", Object: key.Name, Err: err, Next: "give https://HOST:PORT, or http://127.0.0.1:PORT through a tunnel"}
	}
	return &WitnessAnchor{url: strings.TrimSuffix(u.String(), "/"), key: key, http: &http.Client{}}, nil
}

// Kind is audit.AnchorWitness.
func (w *WitnessAnchor) Kind() string { return audit.AnchorWitness }

// Name is the name in the witness's key.
func (w *WitnessAnchor) Name() string { return w.key.Name }

// Take sends the lines the witness has not seen and keeps its signature under
// the note of the seal.
func (w *WitnessAnchor) Take(ctx context.Context, p Point) (Receipt, error) {
	line, err := w.ask(ctx, p)
	var no *Refusal
	if errors.As(err, &no) && no.Code == http.StatusConflict { // it has seen more or less than we thought
		if w.from = no.Size; no.Size > p.Head.Size {
			w.from = 0
		}
		line, err = w.ask(ctx, p)
	}
	if err != nil {
		return Receipt{}, &Error{Op: "ask witness", Object: w.key.Name, Err: err, Next: "look at the witness; the session goes on without it"}
	}
	at, err := w.key.check(p.Head, line)
	if err != nil {
		return Receipt{}, &Error{Op: "check the witness's signature", Object: w.key.Name, Err: err, Next: "see whether this is the witness you named"}
	}
	w.from = p.Head.Size + 1
	name := fmt.Sprintf("%08d-%08x.note", p.Head.Size, cosignID(w.key.Name, w.key.pub))
	data, err := keepCosignature(p, name, line)
	if err != nil {
		return Receipt{}, &Error{Op: "keep the witness's signature", Object: name, Err: err}
	}
	sum := sha256.Sum256(data)
	return Receipt{Kind: w.Kind(), Name: w.Name(), At: at, Size: p.Head.Size, File: "anchors/" + name, SHA256: hex.EncodeToString(sum[:])}, nil
}

func (w *WitnessAnchor) ask(ctx context.Context, p Point) (string, error) {
	lines, err := audit.RawLines(p.Dir, w.from, p.Head.Size+1)
	if err != nil {
		return "", err
	}
	q := url.Values{"origin": {p.Head.Origin}, "from": {strconv.FormatInt(w.from, 10)}}
	return w.post(ctx, "/cosign?"+q.Encode(), lines)
}

func (w *WitnessAnchor) post(ctx context.Context, to string, lines []byte) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+to, bytes.NewReader(lines))
	if err != nil {
		return "", err
	}
	res, err := w.http.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		size, _ := strconv.ParseInt(res.Header.Get(sizeHeader), 10, 64) // absent: 0, from the beginning
		return "", &Refusal{Code: res.StatusCode, Size: size, Why: strings.TrimSpace(string(body))}
	}
	return string(body), nil
}

// keepCosignature puts the line under the note of the seal, which carries the
// log's own signature already.
func keepCosignature(p Point, name, line string) ([]byte, error) {
	path, err := p.path(name)
	if err != nil {
		return nil, err
	}
	note, err := sealNote(p)
	if err != nil {
		return nil, err
	}
	note = append(note, line...)
	return note, keep(path, note)
}

// sealNote is the note of the seal line that the head is of.
func sealNote(p Point) ([]byte, error) {
	raw, err := audit.RawLines(p.Dir, p.Head.Size, p.Head.Size+1)
	if err != nil {
		return nil, err
	}
	var e struct {
		Body audit.Seal `json:"body"`
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Body.Note == "" {
		return nil, fmt.Errorf("entry %d is no seal", p.Head.Size)
	}
	return []byte(e.Body.Note), nil
}
