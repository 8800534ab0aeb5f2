package runbooks

import (
	"fmt"
	"strings"
)

// KindInfo is what lint must know of a kind.
type KindInfo struct {
	Name   string
	Doc    string
	Stages []string // "" among them: the stage may be left out
	Needs  []string // arguments that must be given
}

// EngineInfo is what lint must know of an engine.
type EngineInfo struct {
	Name     string
	Supports func(kind, stage string) bool
	Gauges   []string // names without target
}

// Catalog says what exists: the table of kinds and the registry of engines.
type Catalog struct {
	Kinds   []KindInfo
	Engines []EngineInfo
}

func (c Catalog) kind(name string) (KindInfo, bool) {
	for _, k := range c.Kinds {
		if k.Name == name {
			return k, true
		}
	}
	return KindInfo{}, false
}

func (c Catalog) engine(name string) (EngineInfo, bool) {
	for _, e := range c.Engines {
		if e.Name == name {
			return e, true
		}
	}
	return EngineInfo{}, false
}

// finding places a message at a path of the source; line stands in for a book
// that was not read from one.
func (b *Runbook) finding(path string, line int, next, format string, args ...any) Finding {
	at, ok := b.marks[path]
	if !ok {
		at = pos{max(line, 1), 1}
	}
	return Finding{
		File: b.File, Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...), Next: next,
		Excerpt: excerpt(strings.Split(string(b.Source), "\n"), at, 0),
	}
}

// linter collects the findings of one book.
type linter struct {
	book  *Runbook
	cat   Catalog
	found []Finding
}
