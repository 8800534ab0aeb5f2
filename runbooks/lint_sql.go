package runbooks

import (
	"regexp"
	"strings"
)

// sqlRule is a pattern in an author's own statement that is known to end badly.
type sqlRule struct {
	bad     *regexp.Regexp
	unless  *regexp.Regexp
	message string
	next    string
}

// sqlRules returns the table; each row was seen to lose data or to break a cutover.
func sqlRules() []sqlRule {
	return []sqlRule{
		{regexp.MustCompile("[\u2018\u2019\u201a\u201c\u201d\u201e]"), nil,
			"the statement has a curly quote: the server takes it for a part of a name", `write ' or "`},
		{regexp.MustCompile(`(?i)pg_(cancel|terminate)_backend\s*\(`), regexp.MustCompile(`(?is)where.*(backend_type|=\s*\d+|pid\s+in)`),
			"the statement ends every backend, its own and the replication's too", "add WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() and the roles that are meant"},
		{regexp.MustCompile(`(?i)pg_cancel_backend\s*\(`), nil,
			"pg_cancel_backend ends a statement, not a session: an idle transaction commits afterwards", "use the kind freeze, which ends sessions and proves that no writer is left"},
		{regexp.MustCompile(`(?i)\bnextval\s*\(`), nil,
			"nextval takes a number away; it does not read a sequence", "read last_value and is_called from the sequence, or use the kind sequences"},
		{regexp.MustCompile(`(?i)\bpg_current_wal_lsn\s*\(`), nil,
			"pg_current_wal_lsn is the written position: a committed row can lie behind it", "use pg_current_wal_insert_lsn(), or the kind catchup"},
		{regexp.MustCompile(`(?i)\b(password|identified\s+by)\s+'[^$']`), nil,
			"the statement holds a password", "write ${secret:name} and add name to secrets"},
	}
}

var (
	changes = regexp.MustCompile(`(?i)^\s*(insert|update|delete|merge|truncate|create|alter|drop|grant|revoke|copy|do|call|set|reset|vacuum|reindex|refresh)\b`)
	drops   = regexp.MustCompile(`(?i)\bdrop\s+(subscription|publication)\b|\bpg_drop_replication_slot\s*\(|\bdisable\s*;?\s*$`)
	// comments of a statement hide neither a rule's pattern nor its remedy.
	sqlComment = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/`)
)

// statement returns the author's own statement without comments.
func (s Step) statement() string { return sqlComment.ReplaceAllString(s.Args["text"], " ") }

// sql looks at the statements that an author wrote.
func (l *linter) sql(s Step) {
	rules := append(sqlRules(), binlogRules()...)
	for _, arg := range []string{"text", "undo_text", "proof"} {
		text := sqlComment.ReplaceAllString(s.Args[arg], " ")
		if text == "" {
			continue
		}
		for _, r := range rules {
			if r.bad.MatchString(text) && (r.unless == nil || !r.unless.MatchString(text)) {
				l.step(s, "args."+arg, r.next, "%s", r.message)
			}
		}
	}
	if s.Kind != "sql" || s.Args["text"] == "" {
		return
	}
	if s.Risk == Read && changes.MatchString(s.statement()) {
		l.step(s, "risk", "write risk: change, with proof and undo", "READ with a statement that changes the server")
	}
	if s.Risk >= Change && (s.Args["proof"] == "" || s.Args["want"] == "") {
		l.step(s, "args", "add args proof (a SELECT) and want (its first row, columns joined by \" / \")", "%s without a proof: after a lost answer nobody could tell", s.Risk)
	}
	if p := strings.TrimSpace(sqlComment.ReplaceAllString(s.Args["proof"], " ")); p != "" && changes.MatchString(p) {
		l.step(s, "args.proof", "write a SELECT", "the proof changes the server; a proof may be asked again and again")
	}
}
