package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// scramRounds is PostgreSQL's own default for password hashing.
const scramRounds = 4096

// ScramVerifier turns a password into the text that ALTER ROLE … PASSWORD takes
// as it is, so that the password itself never reaches the server's log
// (RFC 5803; format of pg_authid.rolpassword).
func ScramVerifier(password string, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramRounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		_, _ = h.Write([]byte(text)) // a hash never fails to write
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, b64(salt), b64(stored[:]), b64(mac(salted, "Server Key"))), nil
}

// scramForm gives a secret's verifier, with a salt of its own.
func scramForm(secret string) (map[string]string, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	v, err := ScramVerifier(secret, salt)
	return map[string]string{"_scram": v}, err
}
