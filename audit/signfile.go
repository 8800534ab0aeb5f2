package audit

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"
)

// SignFile signs the closed segment of the record in dir, byte for byte, with
// the operator's key: <segment>.sig beside it. It is the only signature that
// needs nothing of this program to be checked.
func SignFile(dir string, rand io.Reader, key ssh.Signer) error {
	names, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9][0-9][0-9].jsonl")) // in order
	if err == nil && len(names) == 0 {
		err = os.ErrNotExist
	}
	if err != nil {
		return &Error{Op: "sign record", Object: dir, Err: err}
	}
	last := names[len(names)-1]
	data, err := os.ReadFile(last)
	if err != nil {
		return &Error{Op: "sign record", Object: last, Err: err}
	}
	sig, err := SignSSH(rand, key, NamespaceFile, data)
	if err != nil {
		return &Error{Op: "sign record", Object: last, Err: err, Next: "sign it by hand: ssh-keygen -Y sign -n file " + last}
	}
	f, err := os.OpenFile(last+".sig", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return &Error{Op: "sign record", Object: last, Err: err}
	}
	_, err = f.WriteString(sig)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return &Error{Op: "sign record", Object: last, Err: err}
	}
	return nil
}
