package report

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed" // the commands of the auditor
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/audit"
	"github.com/turquoise-db/turquoise/audit/entries"
)

//go:embed VERIFY.txt
var verifyText []byte

// Bundling says how a bundle is made and for whom.
type Bundling struct {
	By, At, Tool string
	Redact       map[int64]string // seq: why it is withheld
	Signers      []byte           // a copy for information; verify does not trust it
	Cast         []byte           // a film of the screen, empty: none
}

// travels are the files that are the record: the rest of its folder are means of the
// running cockpit, such as what a comparison knows of the data, and never leave the
// machine.
var travels = regexp.MustCompile(`^(?:\d{4}\.jsonl(?:\.sig)?|evidence/[0-9a-f]{64}|anchors/[^/]+|after/[^/]+)$`)

// manifest says what the bundle is and what was left out of it.
type manifest struct {
	Session     string     `json:"session"`
	Head        string     `json:"head"`
	ExportedBy  string     `json:"exported_by"`
	ExportedAt  string     `json:"exported_at"`
	Tool        string     `json:"tool"`
	Withheld    []withheld `json:"withheld"`
	EvidenceOut []string   `json:"evidence_left_out"`
}

type withheld struct {
	Seq int64  `json:"seq"`
	Why string `json:"why"`
}

// mayWithhold refuses what chain, seals and the shape of a session
// stand on.
func mayWithhold(l Line) error {
	if strings.HasPrefix(l.Type, "session.") || l.Type == "key.next" || l.Type == "seal" {
		return fmt.Errorf("entry %d is a %s: without it nothing could be verified", l.Seq, l.Type)
	}
	return nil
}

// Bundle writes everything an auditor needs as one zip file: the record, its
// evidence, the report, tables, and the commands that check it without
// Turquoise. The same record gives the same bytes.
func (n *Night) Bundle(w io.Writer, o Bundling) error {
	files, err := n.bundleFiles(o)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	files["SHA256SUMS"] = sums.Bytes()
	z := zip.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &zip.FileHeader{Name: n.Sid + "/" + name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		h.SetMode(0o600)
		f, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(files[name]); err != nil {
			return err
		}
	}
	return z.Close()
}

func (n *Night) bundleFiles(o Bundling) (map[string][]byte, error) {
	files, left, err := n.folder(o.Redact)
	if err != nil {
		return nil, err
	}
	seen := n.withhold(o.Redact)
	for name, write := range map[string]func(io.Writer) error{"report.html": seen.HTML, "entries.csv": seen.CSV, "ocsf.jsonl": seen.OCSF} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		files[name] = b.Bytes()
	}
	m := manifest{Session: n.Sid, Head: n.FirstPage().HeadText, ExportedBy: o.By, ExportedAt: o.At, Tool: o.Tool, Withheld: []withheld{}, EvidenceOut: left}
	for _, seq := range slices.Sorted(maps.Keys(o.Redact)) {
		m.Withheld = append(m.Withheld, withheld{seq, o.Redact[seq]})
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	files["MANIFEST.json"], files["VERIFY.txt"] = append(raw, '\n'), verifyText
	if len(o.Signers) > 0 {
		files["allowed_signers.copy"] = o.Signers
	}
	if len(o.Cast) > 0 {
		files["screen.cast"] = o.Cast
	}
	return files, nil
}

// folder reads the record's folder, with the withheld lines replaced by what
// keeps chain and tree whole: their hashes.
func (n *Night) folder(redact map[int64]string) (files map[string][]byte, left []string, err error) {
	files, left = map[string][]byte{}, []string{}
	secret := n.hmacKeys()
	for _, l := range n.Entries {
		if _, ok := redact[l.Seq]; ok {
			if err := mayWithhold(l); err != nil {
				return nil, nil, err
			}
			for _, ev := range evidenceOf(l) {
				secret[ev] = true
			}
		}
	}
	root := os.DirFS(n.Dir)
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || !travels.MatchString(name) || !d.Type().IsRegular():
			return nil
		case path.Dir(name) == "evidence" && secret[path.Base(name)]:
			left = append(left, path.Base(name))
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err == nil {
			files[name] = data
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", n.Dir, err)
	}
	return files, left, n.stub(files, redact)
}

// hmacKeys are the evidence files that must not travel: with the key of the
// session a reader could guess the secrets that stand as HMACs.
func (n *Night) hmacKeys() map[string]bool {
	out := map[string]bool{}
	if k := n.Open.HMACKey; k != "" {
		out[k] = true
	}
	return out
}

func evidenceOf(l Line) []string {
	e, ok := l.Body.(audit.Evident)
	if !ok {
		return nil
	}
	var out []string
	for _, ev := range e.EvidenceFiles() {
		out = append(out, ev.SHA256)
	}
	return out
}

var errNoLine = errors.New("no such line in its segment")

// stub replaces withheld lines in the segments.
func (n *Night) stub(files map[string][]byte, redact map[int64]string) error {
	types := entries.Types()
	for _, l := range n.Entries {
		why, ok := redact[l.Seq]
		if !ok {
			continue
		}
		raw, err := l.Raw(types)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%04d.jsonl", l.Seg)
		stub, err := audit.StubLine(l.Entry, why)
		if err != nil {
			return err
		}
		before := append(raw, '\n')
		if !bytes.Contains(files[name], before) {
			return fmt.Errorf("withhold entry %d of %s: %w", l.Seq, filepath.Join(n.Dir, name), errNoLine)
		}
		files[name] = bytes.Replace(files[name], before, append(stub, '\n'), 1)
		delete(files, name+".sig") // signed were the bytes with the line
	}
	return nil
}

// withhold is the night as a reader of the redacted bundle sees it.
func (n *Night) withhold(redact map[int64]string) *Night {
	if len(redact) == 0 {
		return n
	}
	c := &Night{Dir: n.Dir, Sid: n.Sid, Head: n.Head, Verified: n.Verified}
	for _, l := range n.Entries {
		if why, ok := redact[l.Seq]; ok {
			l.Body, l.Withheld = nil, why
			l.Meta.By, l.Meta.From, l.Meta.Step, l.Meta.Target, l.Meta.OK = "", "", "", "", nil
			l.Type = "withheld"
		}
		c.Entries = append(c.Entries, l)
	}
	newFold(c).run()
	return c
}
