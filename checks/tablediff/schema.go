package tablediff

import (
	"slices"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
)

// SchemaDiff is something that the two schemas do not share.
type SchemaDiff struct {
	Kind   string `json:"kind"`
	Object string `json:"object"`
	Blue   string `json:"blue"`  // empty: not there
	Green  string `json:"green"` // empty: not there
}

// Schema compares two catalogues thing by thing. An object with several lines,
// such as grants, is compared line by line.
func Schema(blue, green []engines.SchemaFact) []SchemaDiff {
	type id struct{ kind, object string }
	gather := func(fs []engines.SchemaFact) map[id][]string {
		out := map[id][]string{}
		for _, f := range fs {
			k := id{f.Kind, f.Object}
			out[k] = append(out[k], f.Is)
		}
		return out
	}
	b, g := gather(blue), gather(green)
	var out []SchemaDiff
	add := func(k id) {
		mine, theirs := minus(b[k], g[k]), minus(g[k], b[k])
		if len(mine)+len(theirs) > 0 {
			out = append(out, SchemaDiff{k.kind, k.object, strings.Join(mine, "; "), strings.Join(theirs, "; ")})
		}
	}
	for k := range b {
		add(k)
	}
	for k := range g {
		if _, ok := b[k]; !ok {
			add(k)
		}
	}
	slices.SortFunc(out, func(x, y SchemaDiff) int {
		return strings.Compare(x.Kind+"\x00"+x.Object, y.Kind+"\x00"+y.Object)
	})
	return out
}

func minus(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
