package audit

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
)

// The namespaces that people sign in. They are part of what is signed, so that a
// signature made for one purpose is worth nothing for another. Each line of an
// allowed_signers file and each ssh-keygen command has to name the same words.
const (
	NamespaceSession     = "turquoise-session"
	NamespaceApproval    = "turquoise-approval"
	NamespaceCountersign = "turquoise-countersign"
	NamespaceFile        = "file"
)

const (
	sigMagic = "SSHSIG"
	sigHash  = "sha512"
	sigBegin = "-----BEGIN SSH SIGNATURE-----"
	sigEnd   = "-----END SSH SIGNATURE-----"
	keyDSA   = "ssh-dss"
	// sigColumns is the line width of OpenSSH's armor.
	sigColumns = 70
	// maxArmor bounds what a person may paste: a certificate with a long list of
	// principals stays far below it.
	maxArmor = 64 << 10
)

// ErrBadSignature is a signature that does not belong to the text, or text that
// is no signature.
var ErrBadSignature = errors.New("signature does not check")

// SSHSignature is a signature as `ssh-keygen -Y sign` makes it, taken apart and
// not yet believed.
type SSHSignature struct {
	Key       ssh.PublicKey // *ssh.Certificate if it was made with one
	Namespace string
	Algorithm string // of the signature: ssh-ed25519, rsa-sha2-512, …

	sig  *ssh.Signature
	blob []byte
}

// sigBlob is the inside of the armor behind the magic (PROTOCOL.sshsig).
type sigBlob struct {
	Version   uint32
	Key       []byte
	Namespace string
	Reserved  string
	Hash      string
	Signature []byte
}

// SignSSH gives the armored signature of message in a namespace, the bytes that
// `ssh-keygen -Y sign` would write. RSA keys sign with SHA-512.
func SignSSH(rand io.Reader, key ssh.Signer, namespace string, message []byte) (string, error) {
	if namespace == "" {
		return "", errors.New("bug: signature without a namespace")
	}
	data := signedBytes(namespace, message)
	var sig *ssh.Signature
	var err error
	if plainType(key.PublicKey()) == ssh.KeyAlgoRSA {
		a, ok := key.(ssh.AlgorithmSigner)
		if !ok {
			return "", errors.New("this RSA key signs with SHA-1 only")
		}
		sig, err = a.SignWithAlgorithm(rand, data, ssh.KeyAlgoRSASHA512)
	} else {
		sig, err = key.Sign(rand, data)
	}
	if err != nil {
		return "", fmt.Errorf("sign with %s: %w", ssh.FingerprintSHA256(key.PublicKey()), err)
	}
	blob := append([]byte(sigMagic), ssh.Marshal(sigBlob{
		Version: 1, Key: key.PublicKey().Marshal(), Namespace: namespace, Hash: sigHash, Signature: ssh.Marshal(*sig),
	})...)
	s, err := parseSigBlob(blob)
	if err == nil {
		err = s.Check(namespace, message)
	}
	if err != nil { // a key that signs something else must not enter a record
		return "", fmt.Errorf("sign with %s: %w", ssh.FingerprintSHA256(key.PublicKey()), err)
	}
	return s.Armor(), nil
}

// signedBytes is what the key signs: never the message itself, so that no
// signature of a login or a commit fits.
func signedBytes(namespace string, message []byte) []byte {
	return signedSum(namespace, sha512.Sum512(message))
}

func signedSum(namespace string, sum [sha512.Size]byte) []byte {
	return append([]byte(sigMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Sum                       []byte
	}{namespace, "", sigHash, sum[:]})...)
}

// ParseSSHSignature reads an armored signature. Blank space around the armor and
// the line breaks of another machine are taken as they come, as a paste brings
// them; any other text around or inside it is refused.
func ParseSSHSignature(armored string) (*SSHSignature, error) {
	if len(armored) > maxArmor {
		return nil, fmt.Errorf("%w: it is %d bytes long", ErrBadSignature, len(armored))
	}
	text := strings.TrimSpace(strings.ReplaceAll(armored, "\r", "\n"))
	inner, ok1 := strings.CutPrefix(text, sigBegin+"\n")
	inner, ok2 := strings.CutSuffix(inner, "\n"+sigEnd)
	if !ok1 || !ok2 {
		return nil, fmt.Errorf("%w: not the text between %q and %q", ErrBadSignature, sigBegin, sigEnd)
	}
	blob, err := strict64.DecodeString(strings.ReplaceAll(inner, "\n", ""))
	if err != nil {
		return nil, fmt.Errorf("%w: the armor does not decode", ErrBadSignature)
	}
	return parseSigBlob(blob)
}

func parseSigBlob(blob []byte) (*SSHSignature, error) {
	body, ok := bytes.CutPrefix(blob, []byte(sigMagic))
	if !ok {
		return nil, fmt.Errorf("%w: it is of another kind", ErrBadSignature)
	}
	var b sigBlob
	if err := ssh.Unmarshal(body, &b); err != nil {
		return nil, fmt.Errorf("%w: malformed", ErrBadSignature)
	}
	switch {
	case b.Version != 1:
		return nil, fmt.Errorf("%w: version %d, must be 1", ErrBadSignature, b.Version)
	case b.Hash != sigHash:
		return nil, fmt.Errorf("%w: hash %q, must be %s", ErrBadSignature, b.Hash, sigHash)
	case b.Reserved != "":
		return nil, fmt.Errorf("%w: a reserved field is set", ErrBadSignature)
	}
	key, err := ssh.ParsePublicKey(b.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: its key cannot be read", ErrBadSignature)
	}
	var sig ssh.Signature
	if err := ssh.Unmarshal(b.Signature, &sig); err != nil {
		return nil, fmt.Errorf("%w: malformed", ErrBadSignature)
	}
	s := &SSHSignature{Key: key, Namespace: b.Namespace, Algorithm: sig.Format, sig: &sig, blob: blob}
	return s, s.strong()
}

// strong refuses what may be forged or collides: SHA-1 and DSA.
func (s *SSHSignature) strong() error {
	switch t := plainType(s.Key); t {
	case ssh.KeyAlgoRSA:
		if s.Algorithm != ssh.KeyAlgoRSASHA512 && s.Algorithm != ssh.KeyAlgoRSASHA256 {
			return fmt.Errorf("%w: an RSA key signed with %q, must be %s", ErrBadSignature, s.Algorithm, ssh.KeyAlgoRSASHA512)
		}
	case keyDSA:
		return fmt.Errorf("%w: DSA keys are not accepted", ErrBadSignature)
	default:
		if s.Algorithm != t {
			return fmt.Errorf("%w: a key of type %s signed with %q", ErrBadSignature, t, s.Algorithm)
		}
	}
	return nil
}

// plainType is the type of the key itself, also inside a certificate.
func plainType(k ssh.PublicKey) string { return plainKey(k).Type() }

func plainKey(k ssh.PublicKey) ssh.PublicKey {
	if c, ok := k.(*ssh.Certificate); ok {
		return c.Key
	}
	return k
}

// Check says whether the key signed message in this namespace. It says nothing
// about whose key it is: AllowedSigners does. A hardware key must have been
// touched.
func (s *SSHSignature) Check(namespace string, message []byte) error {
	return s.checkSum(namespace, sha512.Sum512(message))
}

// checkSum is Check for a message too large to hold, by its SHA-512.
func (s *SSHSignature) checkSum(namespace string, sum [sha512.Size]byte) error {
	if s.Namespace != namespace {
		return fmt.Errorf("%w: it was made in the namespace %q, must be %q", ErrBadSignature, s.Namespace, namespace)
	}
	if d := s.Details(); d.Touch != nil && !*d.Touch {
		return fmt.Errorf("%w: the hardware key was not touched", ErrBadSignature)
	}
	if err := plainKey(s.Key).Verify(signedSum(namespace, sum), s.sig); err != nil {
		return fmt.Errorf("%w: the text is another one, or another key signed it", ErrBadSignature)
	}
	return nil
}

// Armor is the signature as text, always in the form of OpenSSH.
func (s *SSHSignature) Armor() string {
	var b strings.Builder
	b.WriteString(sigBegin + "\n")
	text := base64.StdEncoding.EncodeToString(s.blob)
	for len(text) > 0 {
		n := min(sigColumns, len(text))
		b.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	b.WriteString(sigEnd + "\n")
	return b.String()
}

// KeyDetails is what can be said about the key of a signature.
type KeyDetails struct {
	FP      string // SHA256:… of the key itself, not of a certificate over it
	Kind    string // ssh-ed25519, ssh-rsa, sk-ssh-ed25519@openssh.com, …
	CertID  string // "<key id> serial <n>" of a certificate
	Touch   *bool  // hardware keys only: somebody touched it
	Pin     *bool  // hardware keys only: it checked a PIN or a finger
	Counter *int64 // hardware keys only: its count of signatures
}

// Details of the key that made this signature.
func (s *SSHSignature) Details() KeyDetails {
	d := DetailsOf(s.Key)
	if rest := s.sig.Rest; strings.HasPrefix(d.Kind, "sk-") && len(rest) == 5 {
		n := int64(binary.BigEndian.Uint32(rest[1:]))
		d.Touch, d.Pin, d.Counter = OK(rest[0]&1 != 0), OK(rest[0]&4 != 0), &n
	}
	return d
}

// DetailsOf gives fingerprint, kind and certificate of a public key.
func DetailsOf(k ssh.PublicKey) KeyDetails {
	d := KeyDetails{FP: ssh.FingerprintSHA256(plainKey(k)), Kind: plainType(k)}
	if c, ok := k.(*ssh.Certificate); ok {
		d.CertID = fmt.Sprintf("%s serial %d", c.KeyId, c.Serial)
	}
	return d
}
