package anchors

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
)

// algCosign is the C2SP signature type of a timestamped Ed25519 cosignature.
const algCosign = 4

// WitnessKey is the public half of a witness's key, with its name.
type WitnessKey struct {
	Name string
	pub  ed25519.PublicKey
}

// strict64 refuses loose trailing bits: a signature must have one spelling.
var strict64 = base64.StdEncoding.Strict()

func cosignID(name string, pub ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n\x04"), pub...))
	return binary.BigEndian.Uint32(sum[:])
}

// String is the key as it is given to verify: name+id+key.
func (k WitnessKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.Name, cosignID(k.Name, k.pub), base64.StdEncoding.EncodeToString(append([]byte{algCosign}, k.pub...)))
}

// ParseWitnessKey reads what String writes.
func ParseWitnessKey(text string) (WitnessKey, error) {
	name, rest, ok1 := strings.Cut(text, "+")
	id, key64, ok2 := strings.Cut(rest, "+")
	raw, err := strict64.DecodeString(key64)
	if !ok1 || !ok2 || name == "" || strings.ContainsAny(name, " \n") || err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algCosign {
		return WitnessKey{}, errors.New("not a witness key of the form name+id+key")
	}
	k := WitnessKey{Name: name, pub: raw[1:]}
	if want, err := hex.DecodeString(id); err != nil || len(want) != 4 || binary.BigEndian.Uint32(want) != cosignID(name, k.pub) || k.String() != text {
		return WitnessKey{}, errors.New("key id does not belong to the key")
	}
	return k, nil
}

// cosigned is what a witness signs: the time and the checkpoint.
func cosigned(at time.Time, h audit.Head) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), h.Text())
}

// cosign gives the signature line of a note.
func cosign(name string, key ed25519.PrivateKey, at time.Time, h audit.Head) string {
	sig := binary.BigEndian.AppendUint32(nil, cosignID(name, key.Public().(ed25519.PublicKey)))
	sig = binary.BigEndian.AppendUint64(sig, uint64(at.Unix()))
	sig = append(sig, ed25519.Sign(key, cosigned(at, h))...)
	return "— " + name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

var errCosignature = errors.New("malformed cosignature")

// check believes a signature line of a note only if it is by k. The time is when
// the witness saw the head.
func (k WitnessKey) check(h audit.Head, line string) (time.Time, error) {
	name, sig64, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "— "), " ")
	sig, err := strict64.DecodeString(sig64)
	if !ok || err != nil || len(sig) != 4+8+ed25519.SignatureSize {
		return time.Time{}, errCosignature
	}
	if name != k.Name || binary.BigEndian.Uint32(sig) != cosignID(k.Name, k.pub) {
		return time.Time{}, fmt.Errorf("signed by %q with another key than %s", name, k.Name)
	}
	seconds := binary.BigEndian.Uint64(sig[4:])
	if seconds > 1<<40 {
		return time.Time{}, errCosignature
	}
	at := time.Unix(int64(seconds), 0).UTC()
	if !ed25519.Verify(k.pub, cosigned(at, h), sig[12:]) {
		return time.Time{}, fmt.Errorf("invalid signature for key %s", k.Name)
	}
	return at, nil
}

// NewWitnessKey makes a key pair; the seed is what a witness keeps.
func NewWitnessKey(name string, rand io.Reader) (WitnessKey, []byte, error) {
	pub, priv, err := ed25519.GenerateKey(rand)
	if err != nil {
		return WitnessKey{}, nil, err
	}
	return WitnessKey{Name: name, pub: pub}, priv.Seed(), nil
}
