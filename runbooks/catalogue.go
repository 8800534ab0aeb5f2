package runbooks

import (
	"embed"
	"path"
	"slices"
	"strings"
)

//go:embed catalogue/*.yaml
var catalogue embed.FS

// Catalogue lists the runbooks that ship, by name.
func Catalogue() []string {
	var names []string
	files, err := catalogue.ReadDir("catalogue")
	if err != nil {
		return nil // an embedded folder cannot be missing: the build would fail
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Builtin returns the source of a runbook that ships. A file of the operator's
// own is read by the caller.
func Builtin(name string) ([]byte, bool) {
	if name != path.Base(name) {
		return nil, false
	}
	src, err := catalogue.ReadFile("catalogue/" + name + ".yaml")
	return src, err == nil
}
