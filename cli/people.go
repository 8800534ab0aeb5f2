package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/ssh"
	"golang.org/x/term"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/session"
)

// identity is what the flags say about people and their keys.
type identity struct {
	key, signers, name string
	approvals          []string // files of texts that approve the runbook ahead
}

func (i *identity) flags(f *pflag.FlagSet) {
	f.StringVar(&i.key, "key", "", "SSH key that you sign with: a private key file, the .pub of a key in your agent, or an agent's socket (default: the key in your agent that --signers allows)")
	f.StringVar(&i.signers, "signers", "", "file of the people who may sign (ssh allowed_signers); without it nobody can approve")
	f.StringArrayVar(&i.approvals, "approval", nil, "signed text that approves the runbook ahead, with its .sig beside it; turquoise plan --request writes it (repeatable)")
	f.StringVar(&i.name, "name", "", "your printed name in what you sign (default: the operator)")
}

// identify finds out with which key the operator signs, and who may approve. It
// settles the operator's name: the one that the signers file gives the key.
func (c *cutover) identify() error {
	c.people = session.People{Name: c.identity.name, Open: openKeys, Agent: ownAgent(os.Getenv("SSH_AUTH_SOCK"))}
	if c.identity.signers != "" {
		a, err := audit.LoadAllowedSigners(c.identity.signers)
		if err != nil {
			return exit(ExitUsage, err)
		}
		c.people.Signers = a
	}
	keys, err := c.candidates()
	if err != nil {
		return err
	}
	for _, k := range keys {
		who, err := c.principal(k.PublicKey())
		if err != nil {
			continue
		}
		c.people.Key, c.operator = k, who
		break
	}
	if c.people.Key == nil && c.identity.key != "" {
		err := errors.New("it holds no key")
		if len(keys) > 0 {
			_, err = c.principal(keys[0].PublicKey())
		}
		return exit(ExitRefused, &engines.Error{Op: "sign as the operator", Object: c.identity.key, Err: err, Next: "give the key and the --operator that the signers file names together"})
	}
	if c.operator == "" {
		c.operator = osUser()
	}
	return nil
}

// candidates are the keys the operator may sign with: those behind --key, else
// those of the agent, but then only a signers file can say which of them.
func (c *cutover) candidates() ([]ssh.Signer, error) {
	switch {
	case c.identity.key != "":
		return keysBehind(c.identity.key, askPassphrase)
	case c.people.Signers == nil:
		return nil, nil
	}
	agent, err := audit.DialAgent(os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return nil, nil // no agent: the session is not endorsed, and says so
	}
	return agent.Signers()
}

// principal is the name under which a key operates.
func (c *cutover) principal(k ssh.PublicKey) (string, error) {
	if c.people.Signers == nil {
		if c.operator != "" {
			return c.operator, nil
		}
		return osUser(), nil
	}
	who := c.people.Signers.Principals(k, audit.NamespaceSession, time.Now())
	switch {
	case c.operator != "" && slices.Contains(who, c.operator):
		return c.operator, nil
	case c.operator != "" || len(who) == 0:
		return "", c.people.Signers.Allow(k, dash(c.operator), audit.NamespaceSession, time.Now())
	}
	return who[0], nil
}

// openKeys opens a path that a person at this keyboard named.
func openKeys(path, passphrase string) ([]ssh.Signer, error) {
	if strings.TrimSpace(path) == "" {
		return nil, &engines.Error{Op: "open key", Object: "-", Err: errors.New("no path"), Next: "name a key file or the socket of an agent"}
	}
	return keysBehind(path, func(string) ([]byte, error) {
		if passphrase == "" {
			return nil, audit.ErrLocked
		}
		return []byte(passphrase), nil
	})
}

// keysBehind gives the keys of an agent's socket, of a private key file, or of a
// public key file whose private half lies in the agent. The agent is asked again
// for each signature, so its connection stays open until the process ends.
func keysBehind(path string, passphrase func(string) ([]byte, error)) ([]ssh.Signer, error) {
	path = atHome(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, &engines.Error{Op: "open key", Object: path, Err: err, Next: "name a key file or the socket of an agent"}
	}
	if info.Mode().Type() == fs.ModeSocket {
		agent, err := audit.DialAgent(path)
		if err != nil {
			return nil, err
		}
		return agent.Signers()
	}
	if data, err := os.ReadFile(path); err == nil {
		if pub, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
			return inAgent(path, pub)
		}
	}
	k, err := audit.LoadKey(path, passphrase)
	if err != nil {
		return nil, err
	}
	return []ssh.Signer{k}, nil
}

func inAgent(path string, pub ssh.PublicKey) ([]ssh.Signer, error) {
	agent, err := audit.DialAgent(os.Getenv("SSH_AUTH_SOCK"))
	if err != nil {
		return nil, &engines.Error{Op: "open key", Object: path, Err: err, Next: "name the private key, or start an agent that holds it"}
	}
	keys, err := agent.Signers()
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if bytes.Equal(k.PublicKey().Marshal(), pub.Marshal()) {
			return []ssh.Signer{k}, nil
		}
	}
	return nil, &engines.Error{Op: "open key", Object: path, Err: errors.New("the agent does not hold it"), Next: "add it with ssh-add"}
}

func atHome(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// ownAgent lists the keys of the operator's agent, so that an approval with one
// of them can be refused. Nil: there is no agent.
func ownAgent(socket string) func() ([]ssh.PublicKey, error) {
	if socket == "" {
		return nil
	}
	return func() ([]ssh.PublicKey, error) {
		agent, err := audit.DialAgent(socket)
		if err != nil {
			return nil, err
		}
		defer func() { _ = agent.Close() }()
		keys, err := agent.Signers()
		if err != nil {
			return nil, err
		}
		out := make([]ssh.PublicKey, len(keys))
		for i, k := range keys {
			out[i] = k.PublicKey()
		}
		return out, nil
	}
}

// askPassphrase asks at the terminal, without echo. It never reads a pipe: what
// comes through one may be on a command line or in a history.
func askPassphrase(path string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("there is no terminal to ask for its passphrase")
	}
	defer func() { _ = tty.Close() }()
	if _, err := fmt.Fprintf(tty, "passphrase of %s: ", clean(path)); err != nil {
		return nil, err
	}
	word, err := term.ReadPassword(int(tty.Fd()))
	_, _ = fmt.Fprintln(tty)
	return word, err
}

// unsigned says at the start what will be missing at the end.
func (a *App) unsigned(c cutover) {
	if c.people.Key == nil {
		a.tell("this session is not signed by its operator: no --key, and no key in an agent that --signers allows")
	}
	if c.people.Signers == nil {
		a.tell("nobody can approve in this session: no --signers. A step that needs a second person will not run")
	}
}
