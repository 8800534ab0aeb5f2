package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

// saltBytes in front of the content keep a short content from being guessed
// from its hash once the file is erased.
const saltBytes = 32

var evidenceName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// AddEvidence stores content beside the record, durable before it returns. The
// line that names it must be appended after that. Secrets are refused.
func (l *Log) AddEvidence(content []byte, media, what string) (Evidence, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return Evidence{}, l.refuse()
	}
	for _, s := range l.secrets {
		if s.in(content) {
			return Evidence{}, &Error{Op: "add evidence", Object: what, Err: fmt.Errorf("%w: %s", ErrSecret, s.slot)}
		}
	}
	return NewEvidence(l.dir, l.o.Rand, content, media, what)
}

// NewEvidence stores content beside the record in folder, for the first line of a
// segment, which names it before there is a log. No secret is searched for in it.
func NewEvidence(folder string, random io.Reader, content []byte, media, what string) (Evidence, error) {
	data := make([]byte, saltBytes, saltBytes+len(content))
	if _, err := io.ReadFull(random, data); err != nil {
		return Evidence{}, fmt.Errorf("salt evidence: %w", err)
	}
	data = append(data, content...)
	sum := sha256.Sum256(data)
	ev := Evidence{Bytes: int64(len(content)), Media: media, SHA256: hex.EncodeToString(sum[:]), What: what}
	dir := filepath.Join(folder, "evidence")
	if err := writeEvidence(dir, ev.SHA256, data); err != nil {
		return Evidence{}, &Error{Op: "add evidence", Object: what, Err: err}
	}
	return ev, nil
}

func writeEvidence(dir, name string, data []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}

var (
	errEvidenceGone  = errors.New("evidence is not in the bundle")
	errEvidenceOther = errors.New("evidence has other content")
)

// ReadEvidence gives the content that ev names, checked against its hash.
func ReadEvidence(dir string, ev Evidence) ([]byte, error) {
	return readEvidence(os.DirFS(dir), ev)
}

func readEvidence(dir fs.FS, ev Evidence) ([]byte, error) {
	if !evidenceName.MatchString(ev.SHA256) {
		return nil, errEvidenceOther
	}
	data, err := fs.ReadFile(dir, "evidence/"+ev.SHA256)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errEvidenceGone
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != ev.SHA256 || int64(len(data)) != ev.Bytes+saltBytes {
		return nil, errEvidenceOther
	}
	return data[saltBytes:], nil
}

// checkEvidence is readEvidence without holding the content.
func checkEvidence(dir fs.FS, ev Evidence) error {
	if !evidenceName.MatchString(ev.SHA256) {
		return errEvidenceOther
	}
	info, err := fs.Stat(dir, "evidence/"+ev.SHA256)
	if errors.Is(err, fs.ErrNotExist) {
		return errEvidenceGone
	}
	if err != nil {
		return err
	}
	sum, err := fileSHA256(dir, "evidence/"+ev.SHA256)
	if err != nil {
		return err
	}
	if sum != ev.SHA256 || info.Size() != ev.Bytes+saltBytes {
		return errEvidenceOther
	}
	return nil
}

// fileSHA256 is the hash of a file, in hex.
func fileSHA256(dir fs.FS, name string) (string, error) {
	f, err := dir.Open(name)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}
