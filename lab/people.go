package lab

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/session"
	"github.com/turquoise-db/turquoise/steps"
)

// Second is the principal of the second person of a lab: a key that is made for
// one run and belongs to nobody.
const Second = "second@lab"

// People are the persons of one run in the lab, with real keys: what is signed
// with them is signed for real, by whom nobody can say.
type People struct {
	Operator  ssh.Signer
	Second    ssh.Signer
	Key       string // key file of the second person
	Signers   *audit.AllowedSigners
	signers   string // text of the signers file
	dir       string
	principal string
}

// NewPeople makes keys for an operator and a second person. Close removes the
// key file.
func NewPeople(operator string) (*People, error) {
	dir, err := os.MkdirTemp("", "turquoise-keys-")
	if err != nil {
		return nil, fmt.Errorf("make lab keys: %w", err)
	}
	p := &People{dir: dir, Key: filepath.Join(dir, "second"), principal: operator}
	if err := p.make(); err != nil {
		return nil, fmt.Errorf("make lab keys: %w", err)
	}
	return p, nil
}

func (p *People) make() error {
	op, _, err := newKey("operator of the lab")
	if err != nil {
		return err
	}
	second, block, err := newKey(Second)
	if err != nil {
		return err
	}
	p.Operator, p.Second = op, second
	if err := os.WriteFile(p.Key, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	line := func(who, spaces string, k ssh.Signer) string {
		return who + ` namespaces="` + spaces + `" ` + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.PublicKey()))) + "\n"
	}
	p.signers = "# keys made for one run in the lab\n" +
		line(p.principal, audit.NamespaceSession+","+audit.NamespaceApproval+","+audit.NamespaceFile, op) +
		line(Second, audit.NamespaceApproval+","+audit.NamespaceCountersign, second)
	p.Signers, err = audit.ParseAllowedSigners([]byte(p.signers))
	return err
}

func newKey(comment string) (ssh.Signer, *pem.Block, error) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	block, err := ssh.MarshalPrivateKey(priv, comment)
	if err != nil {
		return nil, nil, err
	}
	k, err := ssh.NewSignerFromKey(priv)
	return k, block, err
}

// Keep writes the signers file beside a record, so that the record can be
// checked when the keys are gone.
func (p *People) Keep(record string) (string, error) {
	name := strings.TrimRight(record, string(filepath.Separator)) + ".signers"
	if err := os.WriteFile(name, []byte(p.signers), 0o600); err != nil {
		return "", fmt.Errorf("keep lab signers: %w", err)
	}
	return name, nil
}

// Close removes the key file of the second person.
func (p *People) Close() error { return os.RemoveAll(p.dir) }

// approve signs what waits for a second person, as that person would elsewhere:
// the text of the request, with the own key.
func approve(ctx context.Context, s *session.Session, card session.Card, key ssh.Signer) error {
	for _, t := range card.Approval.Texts {
		if t.Who != Second {
			continue
		}
		sig, err := audit.SignSSH(rand.Reader, key, audit.NamespaceApproval, []byte(t.Text))
		if err != nil {
			return err
		}
		h := s.Handle(session.Person{Name: Second, Role: "approver"})
		return h.Do(ctx, session.Intent{Command: steps.Approve{Statement: t.Text, Signature: sig, Way: "command"}})
	}
	return fmt.Errorf("step %s: no text for %s: %s", card.ID, Second, card.Approval.Why)
}
