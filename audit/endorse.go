package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/crypto/ssh"
)

// meansEndorsement is the sentence an operator agrees to.
const meansEndorsement = "I operate this session; this key seals its log on my behalf."

// Endorsement is the text in which an operator vouches for the session key of
// this opening, to be signed in NamespaceSession. It names the very line that
// will carry it, so it is worth nothing in another record or at another place.
func (o Opening) Endorsement(operator, name string, at time.Time) (string, error) {
	return Statement{Kind: Endorsement, Values: map[string]string{
		"origin": o.Origin, "session": o.Sid, "segment": strconv.FormatInt(o.Segment, 10),
		"after": fmt.Sprintf("%d %s", o.Seq, o.Prev), "key": o.VKey, "operator": operator, "name": name,
		"at": at.UTC().Truncate(time.Second).Format(time.RFC3339), "meaning": meansEndorsement,
	}}.Text()
}

// SignClosed lays the operator's signature over the last file of a record beside
// it, as `ssh-keygen -Y sign -n file` would. The record must have been closed.
func SignClosed(dir string, rand io.Reader, key ssh.Signer) error {
	names, err := segmentNames(os.DirFS(dir))
	if err == nil && len(names) == 0 {
		err = fs.ErrNotExist
	}
	if err != nil {
		return &Error{Op: "sign closed record", Object: dir, Err: err}
	}
	path := filepath.Join(dir, names[len(names)-1])
	data, err := os.ReadFile(path)
	if err != nil {
		return &Error{Op: "sign closed record", Object: path, Err: err}
	}
	armored, err := SignSSH(rand, key, NamespaceFile, data)
	if err != nil {
		return &Error{Op: "sign closed record", Object: path, Err: err,
			Next: "sign it by hand: ssh-keygen -Y sign -n file -f KEY " + path}
	}
	if err := writeBeside(path+".sig", []byte(armored)); err != nil {
		return &Error{Op: "sign closed record", Object: path + ".sig", Err: err,
			Next: "sign it by hand: ssh-keygen -Y sign -n file -f KEY " + path}
	}
	return nil
}

// writeBeside puts a whole, durable file beside the record; a name that is taken
// is refused.
func writeBeside(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
