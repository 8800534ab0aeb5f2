package audit

import (
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Signer is the principal that a text of this kind names as its signer.
func (s Statement) Signer() string {
	switch s.Kind {
	case Endorsement, StandbyEndorsement, Waiver, Decision:
		return s.Values["operator"]
	case HandoverConsent:
		return s.Values["from"]
	case Approval, RunbookApproval, LateApproval:
		return s.Values["approver"]
	}
	return s.Values["person"]
}

// Signed is a signed text whose signature fits it.
type Signed struct {
	Statement Statement
	Key       KeyDetails
}

// ReadSigned takes a signed text of a kind and its signature apart, and says
// what is wrong with the two, before anybody asks whose key it is.
func ReadSigned(kind StatementKind, text, signature string) (Signed, ssh.PublicKey, error) {
	s, err := ParseStatement(text)
	if err != nil {
		return Signed{}, nil, err
	}
	if s.Kind != kind {
		return Signed{}, nil, fmt.Errorf("it is a text of kind %q", s.Kind)
	}
	sig, err := ParseSSHSignature(signature)
	if err != nil {
		return Signed{}, nil, err
	}
	if err := sig.Check(kind.Namespace(), []byte(text)); err != nil {
		return Signed{}, nil, err
	}
	return Signed{Statement: s, Key: sig.Details()}, sig.Key, nil
}

// CheckSigned is ReadSigned and the question whose key it is, at a time. The
// findings are those of every signer but the operator's endorsement.
func (o VerifyOptions) CheckSigned(kind StatementKind, text, signature, by string, at time.Time) (Signed, []Finding) {
	s, key, err := ReadSigned(kind, text, signature)
	if err != nil {
		return Signed{}, []Finding{{Sev: Tampered, Code: "E27-statement", Msg: fmt.Sprintf("%s: %v", kind, err)}}
	}
	claimed := s.Statement.Signer()
	if claimed != by {
		owner := by
		if o.Signers != nil {
			owner = o.owner(key, claimed)
		}
		return s, []Finding{{Sev: Tampered, Code: "E29-approver", Msg: fmt.Sprintf(signerDiffers, claimed, by, owner)}}
	}
	other, why := o.allow(key, claimed, kind.Namespace(), at)
	switch {
	case other != "":
		return s, []Finding{{Sev: Tampered, Code: "E29-approver", Msg: fmt.Sprintf(signerDiffers, claimed, by, other)}}
	case why != "":
		return s, []Finding{{Sev: Unverified, Code: "E28-signer-key", Msg: why}}
	}
	return s, nil
}

const signerDiffers = "statement names %q, entry %q, the key belongs to %q"

func (o VerifyOptions) owner(key ssh.PublicKey, claimed string) string {
	names := o.Signers.principals(key, "", time.Time{})
	if len(names) == 0 || slices.Contains(names, claimed) {
		return claimed
	}
	return strings.Join(names, ", ")
}

// allow says whose key it is if not the claimed person's, and otherwise why it
// may not sign, or nothing.
func (o VerifyOptions) allow(key ssh.PublicKey, claimed, namespace string, at time.Time) (other, why string) {
	if o.Signers == nil {
		return "", "" // nobody asked; the report says so
	}
	if owner := o.owner(key, claimed); owner != claimed {
		return owner, ""
	}
	if err := o.Signers.Allow(key, claimed, namespace, at); err != nil {
		return "", err.Error()
	}
	return "", ""
}

// checkFile checks an armored signature over a whole file without holding it.
func checkFile(dir fs.FS, name, armored string) (*SSHSignature, error) {
	s, err := ParseSSHSignature(armored)
	if err != nil {
		return nil, err
	}
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	sum := sha512.New()
	_, err = io.Copy(sum, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return s, s.checkSum(NamespaceFile, [sha512.Size]byte(sum.Sum(nil)))
}
