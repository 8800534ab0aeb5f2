package runbooks

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// mostBytes of a runbook: the longest that ships has 20 KiB, and a person must
// be able to read it.
const mostBytes = 1 << 20

// Digest returns the SHA-256 of a runbook's source, in hex.
func Digest(src []byte) string {
	sum := sha256.Sum256(src)
	return hex.EncodeToString(sum[:])
}

// Parse reads a runbook. It returns all findings of the language itself, in the
// order of the source; the book is nil if there is one that is no warning. What
// depends on engines and kinds is Lint's.
func Parse(file string, src []byte) (*Runbook, []Finding) {
	d := &decoder{file: file, lines: strings.Split(string(src), "\n"), marks: make(map[string]pos)}
	root := d.tree(src)
	if root == nil {
		return nil, d.found
	}
	v := d.value(root, bookShape(), "", "", "runbook")
	b := d.build(v)
	b.File, b.Digest, b.Source, b.marks = file, Digest(src), append([]byte(nil), src...), d.marks
	d.names(b, v)
	sortFindings(d.found)
	if Refused(d.found) {
		return nil, d.found
	}
	return b, d.found
}

// tree returns the one document of the source.
func (d *decoder) tree(src []byte) ast.Node {
	if len(src) > mostBytes {
		d.refuse(pos{1, 1}, "split it: one runbook is one night", "the file has %d bytes, at most %d are read", len(src), mostBytes)
		return nil
	}
	if !utf8.Valid(src) {
		d.refuse(pos{1, 1}, "save the file as UTF-8", "the file is not UTF-8")
		return nil
	}
	f, err := parseYAML(src)
	if err != nil {
		d.syntax(err)
		return nil
	}
	var docs []*ast.DocumentNode
	for _, doc := range f.Docs {
		if doc.Body != nil {
			docs = append(docs, doc)
		}
	}
	switch len(docs) {
	case 0:
		d.refuse(pos{1, 1}, "start with name, title, targets and phases", "the file is empty")
		return nil
	case 1:
		return docs[0].Body
	}
	d.refuse(place(docs[1].Body), "keep one document per file", "a second document begins here")
	return nil
}

// parseYAML turns a panic of the YAML library into an error: a file that a
// person hands in must not end the program.
func parseYAML(src []byte) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the YAML reader gave up: %v", r)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

func (d *decoder) syntax(err error) {
	at, msg := pos{1, 1}, err.Error()
	var ye yaml.Error
	if errors.As(err, &ye) {
		msg = ye.GetMessage()
		if t := ye.GetToken(); t != nil && t.Position != nil {
			at = pos{max(t.Position.Line, 1), max(t.Position.Column, 1)}
		}
	}
	// The line is not shown: nobody has decided yet whether a secret stands there.
	d.refuseSecret(at, "correct the indentation or the quotes before this place", "not YAML: "+msg)
}
