package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// algEd25519 is the C2SP signature type of plain Ed25519.
const algEd25519 = 1

// base64 is decoded strictly: loose trailing bits would let a seal be respelled
// without any check noticing.
var strict64 = base64.StdEncoding.Strict()

// Head is the state of a record after its first Size entries. Its text is the
// checkpoint that seals sign and that a person writes into a ticket.
type Head struct {
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Root   Hash   `json:"-"`
}

// Text is the three lines of a C2SP checkpoint.
func (h Head) Text() string {
	return h.Origin + "\n" + strconv.FormatInt(h.Size, 10) + "\n" + h.root64() + "\n"
}

const ticketMark = "turquoise-head: "

// Ticket is the head on one line, for a change ticket or a printout.
func (h Head) Ticket() string {
	return fmt.Sprintf("%s%s %d %s", ticketMark, h.Origin, h.Size, h.root64())
}

func (h Head) root64() string { return base64.StdEncoding.EncodeToString(h.Root[:]) }

// ParseTicket reads a head as it stands in a ticket, with or without the words
// before it.
func ParseTicket(line string) (Head, error) {
	f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), ticketMark))
	if len(f) != 3 {
		return Head{}, errors.New("not of the form ORIGIN SIZE ROOT")
	}
	return ParseHead(strings.Join(f, "\n") + "\n")
}

// ParseHead reads a checkpoint: the three lines that Text writes.
func ParseHead(text string) (Head, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" {
		return Head{}, errCheckpoint
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Head{}, errCheckpoint
	}
	root, err := strict64.DecodeString(lines[2])
	if err != nil || len(root) != len(Hash{}) {
		return Head{}, errCheckpoint
	}
	h := Head{Origin: lines[0], Size: size, Root: Hash(root)}
	if h.Text() != text {
		return Head{}, errCheckpoint
	}
	return h, nil
}

// sessionKey lives in memory only, signs one seal and is wiped.
type sessionKey struct {
	name string
	pub  ed25519.PublicKey
	priv ed25519.PrivateKey
}

func newSessionKey(origin string, rand io.Reader) (*sessionKey, error) {
	pub, priv, err := ed25519.GenerateKey(rand)
	if err != nil {
		return nil, fmt.Errorf("make session key: %w", err)
	}
	return &sessionKey{name: origin, pub: pub, priv: priv}, nil
}

func (k *sessionKey) vkey() string { return formatVKey(k.name, k.pub) }

func (k *sessionKey) sign(h Head) string {
	text := h.Text()
	id := keyID(k.name, k.pub)
	sig := binary.BigEndian.AppendUint32(nil, id)
	sig = append(sig, ed25519.Sign(k.priv, []byte(text))...)
	return text + "\n— " + k.name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// wipe makes older seals unforgeable for whoever takes the machine later. Go
// cannot promise that no copy was ever paged out.
func (k *sessionKey) wipe() { clear(k.priv) }

func keyID(name string, pub ed25519.PublicKey) uint32 {
	s := sha256.New()
	s.Write([]byte(name))
	s.Write([]byte{'\n', algEd25519})
	s.Write(pub)
	return binary.BigEndian.Uint32(s.Sum(nil))
}

func formatVKey(name string, pub ed25519.PublicKey) string {
	return fmt.Sprintf("%s+%08x+%s", name, keyID(name, pub),
		base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, pub...)))
}

// verifier is the public half of a session key as the record announces it.
type verifier struct {
	name string
	pub  ed25519.PublicKey
	text string
}

func parseVKey(v string) (*verifier, error) {
	name, rest, ok1 := strings.Cut(v, "+")
	id, key64, ok2 := strings.Cut(rest, "+")
	if !ok1 || !ok2 || name == "" {
		return nil, errors.New("not of the form name+id+key")
	}
	key, err := strict64.DecodeString(key64)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algEd25519 {
		return nil, errors.New("not an Ed25519 key")
	}
	pub := ed25519.PublicKey(key[1:])
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 4 || binary.BigEndian.Uint32(raw) != keyID(name, pub) || formatVKey(name, pub) != v {
		return nil, errors.New("key id does not belong to the key")
	}
	return &verifier{name: name, pub: pub, text: v}, nil
}

// signedHead is a seal taken apart, its signature not yet believed.
type signedHead struct {
	head       Head
	text       string
	signatures []string
}

var errCheckpoint = errors.New("malformed checkpoint")

func parseNote(note string) (signedHead, error) {
	text, sigs, ok := strings.Cut(note, "\n\n")
	if !ok || !strings.HasSuffix(sigs, "\n") {
		return signedHead{}, errCheckpoint
	}
	head, err := ParseHead(text + "\n")
	if err != nil {
		return signedHead{}, err
	}
	s := signedHead{head: head, text: text + "\n"}
	s.signatures = strings.Split(strings.TrimSuffix(sigs, "\n"), "\n")
	return s, nil
}

// check believes the note only if its one signature is by v. A second signature
// line is refused by the caller: nothing after the last seal would cover it.
func (s signedHead) check(v *verifier) error {
	line, ok := strings.CutPrefix(s.signatures[0], "— ")
	if !ok {
		return errors.New("malformed signature line")
	}
	name, sig64, ok := strings.Cut(line, " ")
	if !ok || name != v.name {
		return fmt.Errorf("signature is by %q", name)
	}
	sig, err := strict64.DecodeString(sig64)
	if err != nil || len(sig) != 4+ed25519.SignatureSize {
		return errors.New("malformed signature")
	}
	if binary.BigEndian.Uint32(sig) != keyID(v.name, v.pub) {
		return errors.New("signature is by another key")
	}
	if !ed25519.Verify(v.pub, []byte(s.text), sig[4:]) {
		return errors.New("signature does not fit the text")
	}
	return nil
}
