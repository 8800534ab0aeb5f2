package varnish

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/local"
)

// Texts of File actions:
//
//	readlink: /etc/varnish/default.vcl
//
//	link: /etc/varnish/default.vcl
//	to: /etc/varnish/green.vcl
func readLink(link string) string    { return "readlink: " + link }
func setLink(link, to string) string { return "link: " + link + "\nto: " + to }

// runLink carries out one of them on the target's own link.
func runLink(text, own string) (engines.Result, error) {
	head, tail, sets := strings.Cut(text, "\nto: ")
	if link, ok := strings.CutPrefix(head, "readlink: "); ok && !sets {
		if link != own {
			return engines.Result{}, engines.Refuse("%s is not the link of this target", link)
		}
		to, err := os.Readlink(link)
		if err != nil {
			return engines.Result{}, engines.Refuse("%w", err)
		}
		to = engines.Clean(to)
		return engines.Result{Columns: []string{"to"}, Rows: [][]*string{{&to}}}, nil
	}
	link, ok := strings.CutPrefix(head, "link: ")
	switch {
	case !ok || !sets || tail == "" || strings.ContainsAny(tail, "\r\n"):
		return engines.Result{}, engines.Refuse("the instruction is not complete")
	case link != own || own == "":
		return engines.Result{}, engines.Refuse("%s is not the link of this target", link)
	}
	info, err := os.Lstat(link)
	if err != nil {
		return engines.Result{}, engines.Known(engines.Unsent, err)
	}
	if info.Mode()&os.ModeSymlink == 0 {
		return engines.Result{}, engines.Refuse("%s is a file of its own, and would be lost", link)
	}
	return engines.Result{Command: "LINK"}, relink(link, tail)
}

// relink makes a new link beside the old one and renames it over.
func relink(link, to string) error {
	dir, err := os.MkdirTemp(filepath.Dir(link), ".turquoise-*")
	if err != nil {
		return engines.Known(engines.Unsent, err)
	}
	next := filepath.Join(dir, "link")
	if err := os.Symlink(to, next); err != nil {
		return engines.Known(engines.Unsent, errors.Join(err, os.RemoveAll(dir)))
	}
	if err := os.Rename(next, link); err != nil {
		return engines.Known(engines.Unclear, errors.Join(err, os.RemoveAll(dir)))
	}
	if err := errors.Join(local.Flush(filepath.Dir(link)), os.Remove(dir)); err != nil {
		return engines.Known(engines.Unclear, err)
	}
	return nil
}
