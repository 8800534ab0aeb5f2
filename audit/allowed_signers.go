package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// AllowedSigners is the trust root: who signs with which key, for what, from
// when to when. It is OpenSSH's allowed_signers file, kept by somebody else than
// the people in it.
type AllowedSigners struct {
	SHA256 string // of the file, hex
	rows   []signerRow
}

type signerRow struct {
	line       int
	principals []string
	authority  bool
	namespaces []string // patterns; empty: all
	after      time.Time
	before     time.Time
	key        ssh.PublicKey
}

// SignerError says why a key may not sign as somebody. Its text is a finding of
// verify and a refusal of the cockpit alike.
type SignerError struct{ Why string }

func (e *SignerError) Error() string { return e.Why }

// LoadAllowedSigners reads an allowed_signers file.
func LoadAllowedSigners(path string) (*AllowedSigners, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{Op: "read signers", Object: path, Err: err, Next: "name a readable allowed_signers file"}
	}
	a, err := ParseAllowedSigners(data)
	if err != nil {
		return nil, &Error{Op: "read signers", Object: path, Err: err, Next: "see ssh-keygen(1), ALLOWED SIGNERS; verify knows namespaces, valid-after, valid-before and cert-authority"}
	}
	return a, nil
}

// ParseAllowedSigners reads the text of an allowed_signers file. What it does
// not understand is an error: an option that is passed over could be the one
// that forbids a key.
func ParseAllowedSigners(data []byte) (*AllowedSigners, error) {
	sum := sha256.Sum256(data)
	a := &AllowedSigners{SHA256: hex.EncodeToString(sum[:])}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		row, err := parseSignerRow(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		row.line = i + 1
		a.rows = append(a.rows, row)
	}
	return a, nil
}

func parseSignerRow(line string) (signerRow, error) {
	who, rest, ok := cutField(line)
	if !ok {
		return signerRow{}, errors.New("principals without a key")
	}
	r := signerRow{principals: strings.Split(strings.Trim(who, `"`), ",")}
	// An authorized_keys line is options, then the key: the very form behind the
	// principals, quotes included.
	key, _, options, more, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil || len(more) > 0 {
		return signerRow{}, errors.New("no key that can be read")
	}
	r.key = key
	for _, o := range options {
		if err := r.option(o); err != nil {
			return signerRow{}, err
		}
	}
	for _, p := range r.principals {
		if p == "" {
			return signerRow{}, errors.New("an empty principal")
		}
		if !r.authority && strings.ContainsAny(p, "*?!") {
			return signerRow{}, fmt.Errorf("principal %q is a pattern: patterns are for cert-authority lines only", p)
		}
	}
	return r, nil
}

// cutField cuts the first field, which may be quoted.
func cutField(line string) (field, rest string, ok bool) {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return line[:i], strings.TrimSpace(line[i:]), true
		}
	}
	return line, "", false
}

func (r *signerRow) option(o string) (err error) {
	name, value, given := strings.Cut(o, "=")
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	switch name = strings.ToLower(name); {
	case name == "cert-authority" && !given:
		r.authority = true
	case name == "namespaces" && value != "":
		r.namespaces = strings.Split(value, ",")
	case name == "valid-after":
		r.after, err = signerTime(value)
	case name == "valid-before":
		r.before, err = signerTime(value)
	default:
		return fmt.Errorf("option %q is not known", o)
	}
	return err
}

// signerTime reads a time as ssh-keygen does: in UTC with Z, else in the zone of
// this machine.
func signerTime(v string) (time.Time, error) {
	zone := time.Local
	digits, utc := strings.CutSuffix(strings.TrimSuffix(v, "z"), "Z")
	if utc || strings.HasSuffix(v, "z") {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(digits) == len(layout) {
			if t, err := time.ParseInLocation(layout, digits, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time of the form YYYYMMDD[HHMM[SS]][Z]", v)
}

// Allow says whether key may sign as principal in a namespace at a time. The
// error is a *SignerError.
func (a *AllowedSigners) Allow(key ssh.PublicKey, principal, namespace string, at time.Time) error {
	why := fmt.Sprintf("key %s is not in allowed_signers", DetailsOf(key).FP)
	others := a.principals(key, "", time.Time{})
	if len(others) > 0 && !slices.Contains(others, principal) {
		why = fmt.Sprintf("key %s belongs to %s, not to %s", DetailsOf(key).FP, strings.Join(others, ", "), principal)
	}
	for _, r := range a.rows {
		if !r.holds(key) || !r.names(principal) {
			continue
		}
		if w := r.forbids(key, principal, namespace, at); w != "" {
			why = w
			continue
		}
		return nil
	}
	return &SignerError{why}
}

// Principals are those who may sign with key in a namespace at a time, in the
// order of the file, for a certificate those it names.
func (a *AllowedSigners) Principals(key ssh.PublicKey, namespace string, at time.Time) []string {
	return a.principals(key, namespace, at)
}

// Owners are those whom a line gives this key, whether or not it is in force.
func (a *AllowedSigners) Owners(key ssh.PublicKey) []string {
	return a.principals(key, "", time.Time{})
}

// People are all who may sign in a namespace at a time by a line of their own, in
// the order of the file. Whom a cert-authority may name is not in the file.
func (a *AllowedSigners) People(namespace string, at time.Time) []string {
	var out []string
	for _, r := range a.rows {
		for _, p := range r.principals {
			if !r.authority && !slices.Contains(out, p) && r.forbids(r.key, p, namespace, at) == "" {
				out = append(out, p)
			}
		}
	}
	return out
}

// principals with a zero time asks only whose key it is.
func (a *AllowedSigners) principals(key ssh.PublicKey, namespace string, at time.Time) []string {
	var out []string
	for _, r := range a.rows {
		if !r.holds(key) {
			continue
		}
		named := r.principals
		if c, ok := key.(*ssh.Certificate); ok && r.authority {
			named = c.ValidPrincipals
		}
		for _, p := range named {
			if r.names(p) && !slices.Contains(out, p) && (at.IsZero() || r.forbids(key, p, namespace, at) == "") {
				out = append(out, p)
			}
		}
	}
	return out
}

// holds says whether the row speaks about this key. A certificate is held by its
// authority only: a plain line says nothing about what a certificate limits.
func (r signerRow) holds(key ssh.PublicKey) bool {
	c, ok := key.(*ssh.Certificate)
	if r.authority {
		return ok && sameKey(c.SignatureKey, r.key)
	}
	return sameKey(key, r.key)
}

func (r signerRow) names(principal string) bool {
	if !r.authority {
		return slices.Contains(r.principals, principal)
	}
	return matchList(principal, r.principals)
}

// forbids says why a row that holds the key does not allow it, or nothing.
func (r signerRow) forbids(key ssh.PublicKey, principal, namespace string, at time.Time) string {
	fp, when := DetailsOf(key).FP, at.UTC().Format(time.RFC3339)
	switch {
	case len(r.namespaces) > 0 && !matchList(namespace, r.namespaces):
		return fmt.Sprintf("key %s is not allowed for namespace %q", fp, namespace)
	case !r.after.IsZero() && at.Before(r.after):
		return fmt.Sprintf("key %s was not yet valid at %s", fp, when)
	case !r.before.IsZero() && at.After(r.before):
		return fmt.Sprintf("key %s was no longer valid at %s", fp, when)
	case r.authority:
		return certForbids(key.(*ssh.Certificate), principal, fp, when, at)
	}
	return ""
}

// certForbids checks what x/crypto's Verify of a certificate does not: that it is
// a user's, names the principal, is in force and is signed by its authority.
// Critical options are those of logins; ssh-keygen does not look at them either.
func certForbids(c *ssh.Certificate, principal, fp, when string, at time.Time) string {
	unix := uint64(max(at.Unix(), 0))
	switch {
	case c.CertType != ssh.UserCert:
		return fmt.Sprintf("certificate of key %s is not a user's", fp)
	case !slices.Contains(c.ValidPrincipals, principal):
		return fmt.Sprintf("certificate of key %s does not name %s", fp, principal)
	case unix < c.ValidAfter:
		return fmt.Sprintf("key %s was not yet valid at %s", fp, when)
	case unix >= c.ValidBefore:
		return fmt.Sprintf("key %s was no longer valid at %s", fp, when)
	case c.Signature.Format == ssh.KeyAlgoRSA || c.Signature.Format == keyDSA:
		return fmt.Sprintf("certificate of key %s is signed with %s", fp, c.Signature.Format)
	}
	checker := ssh.CertChecker{Clock: func() time.Time { return at }}
	for o := range c.CriticalOptions {
		checker.SupportedCriticalOptions = append(checker.SupportedCriticalOptions, o)
	}
	if err := checker.CheckCert(principal, c); err != nil {
		return fmt.Sprintf("certificate of key %s: %v", fp, err)
	}
	return ""
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// matchList is OpenSSH's pattern list: * and ? as in a shell, ! takes back what
// another pattern of the list allows.
func matchList(s string, patterns []string) bool {
	found := false
	for _, p := range patterns {
		p, not := strings.CutPrefix(p, "!")
		if !matchPattern(s, p) {
			continue
		}
		if not {
			return false
		}
		found = true
	}
	return found
}

func matchPattern(s, p string) bool {
	for len(p) > 0 {
		switch {
		case p[0] == '*':
			for i := 0; i <= len(s); i++ {
				if matchPattern(s[i:], p[1:]) {
					return true
				}
			}
			return false
		case len(s) == 0 || p[0] != '?' && p[0] != s[0]:
			return false
		}
		s, p = s[1:], p[1:]
	}
	return len(s) == 0
}

// Verify checks an armored signature over message: that it fits the text, and
// that its key may sign as principal in the namespace at that time. The first is
// an ErrBadSignature, the second a *SignerError.
func (a *AllowedSigners) Verify(armored, principal, namespace string, message []byte, at time.Time) (KeyDetails, error) {
	s, err := ParseSSHSignature(armored)
	if err != nil {
		return KeyDetails{}, err
	}
	if err := s.Check(namespace, message); err != nil {
		return s.Details(), err
	}
	return s.Details(), a.Allow(s.Key, principal, namespace, at)
}
