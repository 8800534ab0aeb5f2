package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

// hmacKeyBytes is the length of the key under which secrets are marked.
const hmacKeyBytes = 32

// newHMACKey makes the key of a session and keeps it as evidence: with it one sees
// in the record that two statements used the same secret, and without it nothing.
// The first line names it, so it is on disk before that line.
func (s *Session) newHMACKey(random io.Reader) error {
	key := make([]byte, hmacKeyBytes)
	if _, err := io.ReadFull(random, key); err != nil {
		return fmt.Errorf("make the key of the secrets' marks: %w", err)
	}
	ev, err := audit.NewEvidence(s.cfg.Dir, random, key, "application/octet-stream", "HMAC key")
	if err != nil {
		return err
	}
	s.hmacName, s.hmacKey = ev.SHA256, key
	return nil
}

// readHMACKey takes the key of a session that goes on. One that was deleted, as
// it may be, leaves the marks empty from here on.
func (s *Session) readHMACKey() {
	if key, err := audit.ReadEvidence(s.cfg.Dir, audit.Evidence{SHA256: s.hmacName, Bytes: hmacKeyBytes}); err == nil {
		s.hmacKey = key
	}
}

var slotForm = regexp.MustCompile(`\$\{secret:([a-z0-9_]+)\}`)

// secretUses says which secrets a text uses: HMAC-SHA256(k, "secret" 0x00 value).
func (s *Session) secretUses(text string) entries.List[entries.SecretUse] {
	var out entries.List[entries.SecretUse]
	for _, m := range slotForm.FindAllStringSubmatch(text, -1) {
		use := entries.SecretUse{Slot: m[1]}
		if v, ok := s.cfg.Secrets[m[1]]; ok && s.hmacKey != nil {
			h := hmac.New(sha256.New, s.hmacKey)
			h.Write([]byte("secret\x00" + v))
			use.HMAC = hex.EncodeToString(h.Sum(nil))
		}
		out = append(out, use)
	}
	return out
}
