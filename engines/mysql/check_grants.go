package mysql

import (
	"context"
	"slices"
	"sort"
	"strings"
)

// grants are the rights of one account: by what they are on ("*.*", "shop.*",
// "shop.orders", "procedure shop.close") the words of the rights. What SHOW
// GRANTS says beside them, a password's verifier among it, is not kept.
type grants struct {
	given   map[string][]string
	revoked map[string][]string // MySQL: taken out of a right on everything
	roles   []string
}

const allPrivileges = "ALL PRIVILEGES"

// parseGrants reads the answer of SHOW GRANTS of either product.
func parseGrants(lines []string) grants {
	g := grants{given: map[string][]string{}, revoked: map[string][]string{}}
	for _, line := range lines {
		verb, rest, _ := strings.Cut(line, " ")
		into := g.given
		if verb == "REVOKE" {
			into = g.revoked
		}
		what, on, ok := cutWord(rest, " ON ")
		if !ok {
			if roles, _, ok := cutWord(rest, " TO "); ok && verb == "GRANT" {
				g.roles = append(g.roles, splitWords(roles)...)
			}
			continue
		}
		object, _, ok := cutWord(on, map[string]string{"GRANT": " TO ", "REVOKE": " FROM "}[verb])
		if !ok {
			continue
		}
		scope := unquoted(object)
		for _, w := range splitWords(what) {
			if w = strings.ToUpper(bare(w)); w != "USAGE" && w != "PROXY" {
				into[scope] = append(into[scope], w)
			}
		}
	}
	return g
}

// cutWord cuts a text at a word that stands outside of quotes and parentheses.
func cutWord(s, word string) (before, after string, found bool) {
	for i := 0; i < len(s); {
		if n := skip(s, i); n > i {
			i = n
			continue
		}
		if strings.HasPrefix(s[i:], word) {
			return s[:i], s[i+len(word):], true
		}
		i++
	}
	return s, "", false
}

// splitWords cuts a list at its commas, not at those of a list of columns.
func splitWords(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i < len(s); {
		if n := skip(s, i); n > i {
			i = n
			continue
		}
		switch s[i] {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				out, from = append(out, strings.TrimSpace(s[from:i])), i+1
			}
		}
		i++
	}
	return append(out, strings.TrimSpace(s[from:]))
}

// bare drops the quotes of the names in a list of columns.
func bare(s string) string { return strings.ReplaceAll(s, "`", "") }

// unquoted is an object's name without quotes, its kind in lower case: procedure
// shop.close.
func unquoted(object string) string {
	kind, name := "", object
	for _, k := range []string{"TABLE ", "PROCEDURE ", "FUNCTION ", "PACKAGE BODY ", "PACKAGE "} {
		if strings.HasPrefix(object, k) {
			if name = object[len(k):]; k != "TABLE " {
				kind = strings.ToLower(k)
			}
			break
		}
	}
	return kind + strings.ReplaceAll(strings.ReplaceAll(name, "``", "\x00"), "`", "")
}

// global reports a right on everything.
func (g grants) global(right string) bool { return holds(g.given["*.*"], right) }

// schema reports a right on everything in a schema.
func (g grants) schema(right, schema string) bool {
	for scope, rights := range g.revoked {
		if db, ok := strings.CutSuffix(scope, ".*"); ok && db != "*" && like(db, schema) && slices.Contains(rights, right) {
			return false
		}
	}
	for scope, rights := range g.given {
		db, whole := strings.CutSuffix(scope, ".*")
		if whole && (db == "*" || like(db, schema)) && holds(rights, right) {
			return true
		}
	}
	return false
}

// table reports a right on one table.
func (g grants) table(right, schema, table string) bool {
	return g.schema(right, schema) || holds(g.given[schema+"."+table], right)
}

func holds(rights []string, right string) bool {
	return slices.Contains(rights, right) || slices.Contains(rights, allPrivileges)
}

// like matches a name against a schema as GRANT names it: _ and % stand for
// others unless a backslash is in front of them.
func like(pattern, name string) bool {
	switch {
	case pattern == "":
		return name == ""
	case pattern[0] == '%':
		return like(pattern[1:], name) || name != "" && like(pattern, name[1:])
	case name == "":
		return false
	case pattern[0] == '\\' && len(pattern) > 1:
		return pattern[1] == name[0] && like(pattern[2:], name[1:])
	}
	return (pattern[0] == '_' || pattern[0] == name[0]) && like(pattern[1:], name[1:])
}

// lacks lists what an account has in g and not in h, as "insert on shop.orders".
func (g grants) lacks(h grants) []string {
	var out []string
	for scope, rights := range g.given {
		for _, r := range rights {
			if !h.covers(r, scope) {
				out = append(out, strings.ToLower(r)+" on "+scope)
			}
		}
	}
	for _, r := range g.roles {
		if !slices.Contains(h.roles, r) {
			out = append(out, "role "+bare(r))
		}
	}
	sort.Strings(out)
	return out
}

// covers reports a right on a scope: given there, on its schema, or on all.
func (g grants) covers(right, scope string) bool {
	if holds(g.given[scope], right) {
		return true
	}
	schema, object, ok := strings.Cut(scope, ".")
	switch {
	case !ok || schema == "*":
		return g.global(right)
	case object == "*" && strings.ContainsAny(schema, `%_\`):
		return g.global(right) // a pattern is the same pattern, or everything
	case strings.Contains(schema, " "): // procedure shop
		_, schema, _ = strings.Cut(schema, " ")
	}
	return g.schema(right, schema)
}

// grantsOf asks for the rights of an account; an empty one is our own, with the
// roles that are active.
func (e *eye) grantsOf(ctx context.Context, who string) (grants, error) {
	sql := "SHOW GRANTS"
	if who != "" {
		sql += " FOR " + who
	}
	lines, err := e.names(ctx, sql)
	return parseGrants(lines), err
}
