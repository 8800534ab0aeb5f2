package runbooks

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Schema returns the JSON Schema (draft 2020-12) of the language, for editors.
// It is made from the shapes that the decoder uses.
func Schema() []byte {
	root := bookShape().schema()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Turquoise runbook"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil // maps of text and numbers always marshal
	}
	return append(out, '\n')
}

func (s *shape) schema() map[string]any {
	switch s.form {
	case formInt:
		return map[string]any{"type": "integer", "minimum": 0}
	case formBool:
		return map[string]any{"type": "boolean"}
	case formDuration:
		m := map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`}
		if s.param {
			m["pattern"] = `^(\$[A-Za-z_]+|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
		}
		return m
	case formEnum:
		return map[string]any{"enum": s.words}
	case formList:
		m := map[string]any{"type": "array", "items": s.of.schema()}
		if s.single {
			return map[string]any{"anyOf": []any{m, s.of.schema()}}
		}
		return m
	case formMap:
		return map[string]any{"type": "object", "additionalProperties": s.of.schema()}
	case formObject:
		return s.objectSchema()
	case formScalar:
		types := []string{"string", "number", "boolean"}
		if s.single {
			return map[string]any{"anyOf": []any{map[string]any{"type": types}, map[string]any{"type": "array", "items": s.of.schema()}}}
		}
		return map[string]any{"type": types}
	}
	return map[string]any{"type": []string{"string", "number"}}
}

func (s *shape) objectSchema() map[string]any {
	props, required := make(map[string]any), []string{}
	for _, f := range s.fields {
		p := f.shape.schema()
		p["description"] = f.doc
		props[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	m := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		m["required"] = required
	}
	if s.single {
		m["minProperties"], m["maxProperties"] = 1, 1
	}
	return m
}

// Reference returns the tables of the language as Markdown, one for each sort
// of object, for the language reference.
func Reference() string {
	var b strings.Builder
	seen := make(map[string]bool)
	reference(&b, bookShape(), seen)
	return b.String()
}

func reference(b *strings.Builder, s *shape, seen map[string]bool) {
	if s == nil || s.form != formObject {
		if s != nil {
			reference(b, s.of, seen)
		}
		return
	}
	if seen[s.noun] {
		return
	}
	seen[s.noun] = true
	fmt.Fprintf(b, "### %s\n\n| key | value | required | meaning |\n|---|---|---|---|\n", s.noun)
	for _, f := range s.fields {
		req := ""
		if f.required {
			req = "yes"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.name, cell(f.shape), req, f.doc)
	}
	b.WriteByte('\n')
	for _, f := range s.fields {
		reference(b, f.shape, seen)
	}
}

// cell says what a value may be, for a table.
func cell(s *shape) string {
	switch s.form {
	case formInt:
		return "whole number"
	case formBool:
		return "`true`, `false`"
	case formDuration:
		return "duration"
	case formEnum:
		quoted := make([]string, len(s.words))
		for i, w := range s.words {
			quoted[i] = "`" + w + "`"
		}
		return strings.Join(quoted, ", ")
	case formList:
		return "list of " + cell(s.of)
	case formMap:
		return "map of " + cell(s.of)
	case formObject:
		return s.noun
	case formScalar:
		if s.single {
			return "value or list"
		}
		return "value"
	}
	return "text"
}
