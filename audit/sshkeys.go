package audit

import (
	"crypto"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// Agent is a person's ssh-agent: it signs, and never gives a key away.
type Agent struct {
	conn net.Conn
	keys agent.ExtendedAgent
}

// ErrNoAgent: no agent is named, which is not the same as one that is silent.
var ErrNoAgent = errors.New("no ssh-agent")

// DialAgent connects to the agent behind a socket, usually $SSH_AUTH_SOCK.
func DialAgent(socket string) (*Agent, error) {
	if socket == "" {
		return nil, ErrNoAgent
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, &Error{Op: "ask ssh-agent", Object: socket, Err: err, Next: "start an agent, or name a key file"}
	}
	return &Agent{conn: c, keys: agent.NewClient(c)}, nil
}

// Signers are the keys and certificates the agent holds, in its order.
func (a *Agent) Signers() ([]ssh.Signer, error) {
	all, err := a.keys.Signers()
	if err != nil {
		return nil, &Error{Op: "ask ssh-agent", Object: "its keys", Err: err, Next: "look at ssh-add -l"}
	}
	return all, nil
}

// Close ends the connection; the agent goes on.
func (a *Agent) Close() error { return a.conn.Close() }

// ErrLocked is an encrypted key file whose passphrase nobody gave.
var ErrLocked = errors.New("it is encrypted: its passphrase is needed")

// LoadKey reads a private key file. An encrypted one is opened with what
// passphrase gives; it is asked only then. The passphrase is wiped.
func LoadKey(path string, passphrase func(path string) ([]byte, error)) (ssh.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{Op: "read key", Object: path, Err: err, Next: "name a private key file, or use an ssh-agent"}
	}
	defer clear(data)
	raw, err := ssh.ParseRawPrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && passphrase != nil {
		word, perr := passphrase(path)
		if perr != nil {
			return nil, &Error{Op: "read key", Object: path, Err: perr, Next: "give its passphrase, or use an ssh-agent"}
		}
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(data, word)
		clear(word)
	}
	if err != nil {
		return nil, &Error{Op: "read key", Object: path, Err: plainCause(err), Next: "hardware keys and other formats sign through an ssh-agent"}
	}
	key, ok := raw.(crypto.Signer)
	if !ok {
		return nil, &Error{Op: "read key", Object: path, Err: fmt.Errorf("a %T does not sign", raw), Next: "use an ssh-agent"}
	}
	return ssh.NewSignerFromSigner(key)
}

// plainCause leaves nothing of the file in the error.
func plainCause(err error) error {
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return ErrLocked
	case strings.Contains(err.Error(), "decryption"), strings.Contains(err.Error(), "incorrect"):
		return errors.New("the passphrase does not open it")
	}
	return errors.New("it is not a private key that can be read here")
}
