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

// Lint returns what the book gets wrong about the house and what is known to
// lose data or to leave a cutover stuck. A book without findings may still be a
// bad plan; a book with one is not run.
func Lint(b *Runbook, cat Catalog) []Finding {
	l := &linter{book: b, cat: cat}
	for _, t := range b.Targets {
		if _, ok := cat.engine(t.Engine); !ok {
			l.refuse(t.path+".engine", 0, suggest(t.Engine, cat.engineNames()), "target %s: unknown engine %q", t.ID, t.Engine)
		}
	}
	l.walk(b.Phases, true)
	for _, w := range b.Back {
		l.walk(w.Phases, false)
	}
	l.cover()
	l.release()
	sortFindings(l.found)
	return l.found
}

// linter collects the findings of one book.
type linter struct {
	book  *Runbook
	cat   Catalog
	found []Finding
}

func (l *linter) refuse(path string, line int, next, format string, args ...any) {
	l.found = append(l.found, l.book.finding(path, line, next, format, args...))
}

// step is refuse for a key of a step; the message names the step.
func (l *linter) step(s Step, key, next, format string, args ...any) {
	path := s.path
	if key != "" {
		if _, ok := l.book.marks[path+"."+key]; ok {
			path += "." + key
		}
	}
	l.refuse(path, s.Line, next, "step %s: "+format, append([]any{s.ID}, args...)...)
}

func (c Catalog) engineNames() []string {
	var names []string
	for _, e := range c.Engines {
		names = append(names, e.Name)
	}
	return names
}

func (c Catalog) kindNames() []string {
	var names []string
	for _, k := range c.Kinds {
		names = append(names, k.Name)
	}
	return names
}

// planned reports whether any engine plans the kind at that stage.
func (c Catalog) planned(kind, stage string) bool {
	for _, e := range c.Engines {
		if e.Supports != nil && e.Supports(kind, stage) {
			return true
		}
	}
	return false
}
