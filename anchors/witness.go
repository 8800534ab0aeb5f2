package anchors

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// Witness is the second Turquoise: it reads the lines of a record as they come,
// holds them to what verify holds them to, and co-signs a head only if it goes
// on from what it co-signed before. It keeps of each record some forty hashes.
type Witness struct {
	key   WitnessKey
	priv  ed25519.PrivateKey
	state string // folder
	o     audit.VerifyOptions
	now   func() time.Time
	mu    sync.Mutex

	// Told hears what the person at the witness should know; nil: nobody does.
	Told func(string)
}

// Refusal is why a witness does not sign, with the status of the answer.
type Refusal struct {
	Code int   // as the C2SP witness protocol gives them
	Size int64 // with 409: lines that it has seen
	Why  string
}

func (r *Refusal) Error() string { return fmt.Sprintf("%d: %s", r.Code, r.Why) }

// NewWitness makes a witness from its seed. Signers, if given, are who may
// endorse a session; without them any session may begin, none may be rewritten.
func NewWitness(name string, seed []byte, state string, types audit.Types, signers *audit.AllowedSigners, now func() time.Time) (*Witness, error) {
	if len(seed) != ed25519.SeedSize || name == "" || strings.ContainsAny(name, "+ \n") {
		return nil, errors.New("a witness needs a name without blanks and a seed of 32 bytes")
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, &Error{Op: "open the witness's state", Object: state, Err: err}
	}
	priv := ed25519.NewKeyFromSeed(seed)
	return &Witness{key: WitnessKey{Name: name, pub: priv.Public().(ed25519.PublicKey)}, priv: priv, state: state, now: now,
		o: audit.VerifyOptions{Types: types, Signers: signers}}, nil
}

// Key is the public key to give to verify.
func (w *Witness) Key() WitnessKey { return w.key }

func (w *Witness) file(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return filepath.Join(w.state, hex.EncodeToString(sum[:])+".json")
}

func (w *Witness) seen(origin string) (audit.Followed, error) {
	var f audit.Followed
	data, err := os.ReadFile(w.file(origin))
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	return f, err
}

// Cosign reads the lines that follow entry from-1 of a record and signs the head
// of the seal they end with. Its state is on disk before the signature leaves.
func (w *Witness) Cosign(origin string, from int64, lines []byte) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	was, err := w.seen(origin)
	if err != nil {
		return "", &Error{Op: "read the witness's state", Object: w.file(origin), Err: err, Next: "do not delete it: it is what tells a rewritten record"}
	}
	o := w.o
	o.Origin = origin
	var head audit.Head
	if from == 0 && was.Size > 0 { // the whole record is offered again
		if head, lines, err = again(was, o, lines); err != nil {
			return "", err
		}
	} else if was.Size != from {
		return "", &Refusal{Code: http.StatusConflict, Size: was.Size, Why: fmt.Sprintf("I have seen %d entries of this record, not %d", was.Size, from)}
	}
	if len(lines) == 0 && head.Size > 0 {
		return cosign(w.key.Name, w.priv, w.now(), head), nil
	}
	now, head, err := audit.Follow(was, o, lines)
	if errors.Is(err, audit.ErrRewritten) {
		return "", rewritten(was.Size)
	}
	if err != nil {
		return "", &Refusal{Code: http.StatusForbidden, Why: err.Error()}
	}
	if now.Origin != origin {
		return "", &Refusal{Code: http.StatusForbidden, Why: "the record is named " + now.Origin}
	}
	data, err := json.Marshal(now)
	if err == nil {
		err = keep(w.file(origin), data)
	}
	if err != nil {
		return "", &Error{Op: "keep the witness's state", Object: w.file(origin), Err: err}
	}
	return cosign(w.key.Name, w.priv, w.now(), head), nil
}

func rewritten(size int64) error {
	return &Refusal{Code: http.StatusUnprocessableEntity, Why: fmt.Sprintf("not an extension of what I cosigned at size %d: history was rewritten", size)}
}

// again holds the beginning of a record that is offered whole against what was
// seen of it, and gives the head that was signed and the lines behind it.
func again(was audit.Followed, o audit.VerifyOptions, lines []byte) (audit.Head, []byte, error) {
	end := 0
	for range was.Size {
		n := bytes.IndexByte(lines[end:], '\n')
		if n < 0 {
			return audit.Head{}, nil, &Refusal{Code: http.StatusUnprocessableEntity, Why: fmt.Sprintf("I have seen %d entries of this record, not all of them are here: its end was cut off", was.Size)}
		}
		end += n + 1
	}
	is, head, err := audit.Follow(audit.Followed{}, o, lines[:end])
	if err != nil || is.Leaf != was.Leaf || is.Size != was.Size {
		return audit.Head{}, nil, rewritten(was.Size)
	}
	return head, lines[end:], nil
}

// maxLines bounds what a witness reads at once: a night is a few MB.
const maxLines = 256 << 20

// ServeHTTP answers POST /cosign?origin=O&from=N with a signature line, and keeps
// what comes by POST /emergency?origin=O&file=N&from=LINE. A
// refusal has the status and the sentence; with 409 a header tells how many
// entries the witness has seen.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	emergency := r.URL.Path == "/emergency"
	if r.Method != http.MethodPost || r.URL.Path != "/cosign" && !emergency {
		http.Error(rw, "POST /cosign or /emergency", http.StatusNotFound)
		return
	}
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if err != nil || from < 0 {
		http.Error(rw, "from is no number", http.StatusBadRequest)
		return
	}
	lines, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxLines))
	if err != nil {
		http.Error(rw, "the lines did not come whole", http.StatusBadRequest)
		return
	}
	origin, line := r.URL.Query().Get("origin"), ""
	if emergency {
		file, _ := strconv.Atoi(r.URL.Query().Get("file")) // no number: no file, which is refused
		err = w.KeepEmergency(origin, file, int(from), lines)
	} else {
		line, err = w.Cosign(origin, from, lines)
	}
	var no *Refusal
	switch {
	case errors.As(err, &no):
		rw.Header().Set(sizeHeader, strconv.FormatInt(no.Size, 10))
		http.Error(rw, no.Why, no.Code)
	case err != nil:
		http.Error(rw, err.Error(), http.StatusInternalServerError)
	default:
		_, _ = io.WriteString(rw, line) // a client that went asks again
	}
}

const sizeHeader = "Turquoise-Seen"
