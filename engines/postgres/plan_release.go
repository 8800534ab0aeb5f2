package postgres

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/runbooks"
)

const (
	// ddlLimit: a statement that has its lock works on the catalog alone and takes
	// milliseconds; one that runs on is rewriting a table.
	ddlLimit = 5 * time.Second
	// longLimit bounds what reads the whole table where the step names no timeout.
	longLimit = 24 * time.Hour
	// batchLock and batchLimit: a batch takes row locks; a writer that keeps one for
	// longer than this is looked for, not waited for.
	batchLock  = 2 * time.Second
	batchLimit = 30 * time.Second
	// batchAttempts of a batch whose rows somebody else holds.
	batchAttempts = 10
	batchPause    = 500 * time.Millisecond
	// slowBatch is how long a batch may take before it is halved: replicas and
	// autovacuum see one transaction of that length.
	slowBatch = time.Second
	// buildLimit is how long an index that another session builds is waited for.
	buildLimit = 10 * time.Minute
)

var (
	errText    = errors.New("one statement, or several with transaction: true")
	errOutside = errors.New("CONCURRENTLY cannot run inside a transaction")

	concurrentForm = regexp.MustCompile(`(?i)\bconcurrently\b`)
	createsIndex   = regexp.MustCompile(`(?i)^\s*create\s+(unique\s+)?index\s+concurrently\b`)
	validatesForm  = regexp.MustCompile(`(?i)\bvalidate\s+constraint\b`)
)

// ddl sends the author's statement under the lock discipline and proves by the
// catalog what it leaves.
func (p plan) ddl() (engines.Parts, error) {
	c, err := p.Shared()
	if err != nil {
		return engines.Parts{}, err
	}
	objects, err := engines.ParseObjects(p.Args[runbooks.ArgLeaves])
	if err != nil {
		return engines.Parts{}, p.Fault(err, "write what is there afterwards in args.leaves")
	}
	a, err := p.ddlAction(c)
	if err != nil {
		return engines.Parts{}, err
	}
	a.Proof = leaves(p.On, c, objects)
	parts := engines.Parts{UndoNone: "the server keeps no earlier shape"}
	if createsIndex.MatchString(a.Text) {
		i, ok := indexOf(objects)
		if !ok {
			return engines.Parts{}, p.Fault(errors.New("the index is not named"), "name the index in args.leaves")
		}
		parts.Actions = append(parts.Actions, p.dropInvalid(c, i))
		a.Only = engines.Ask(p.On, "there is no index "+i.Name, "SELECT to_regclass("+lit(inSchema(c.Table, i.Name))+") IS NULL", "t")
		a.Proof = engines.Until(a.Proof, time.Second, buildLimit)
	}
	parts.Actions = append(parts.Actions, a)
	return parts, nil
}

func (p plan) ddlAction(c *engines.SchemaChange) (engines.Action, error) {
	stmts := runbooks.Statements(p.Args[runbooks.ArgText])
	once := p.Args[runbooks.ArgTransaction] == "true"
	text := strings.Join(stmts, ";\n")
	switch {
	case len(stmts) == 0 || len(stmts) > 1 && !once:
		return engines.Action{}, p.Fault(errText, "correct args.text")
	case once && concurrentForm.MatchString(text):
		return engines.Action{}, p.Fault(errOutside, "give it an own step")
	case once:
		text = body("BEGIN\n" + text + ";\nEND")
	}
	a := engines.Act(p.On, "change the catalog", text)
	a.Limit = ddlLimit
	if concurrentForm.MatchString(text) || validatesForm.MatchString(text) {
		a.Limit = p.Limit
		if a.Limit == 0 {
			a.Limit = longLimit
		}
	}
	lock, given, err := runbooks.LockOf(p.Args, c.Table)
	if err != nil {
		return a, p.Fault(err, "write 200ms, or 0 for no limit")
	}
	switch {
	case concurrentForm.MatchString(text): // it waits for old transactions; given up, it leaves an invalid index
		a.Lock = &engines.Lock{Attempts: 1, Object: c.Table}
	case given:
		a.Lock = &lock
	}
	return a, nil
}

func indexOf(os []engines.Object) (engines.Object, bool) {
	for _, o := range os {
		if o.Kind == "index" {
			return o, true
		}
	}
	return engines.Object{}, false
}

// dropInvalid takes away what a build that broke off has left: no query uses
// such an index, and every write pays for it. One that another session builds
// right now looks the same and is left alone.
func (p plan) dropInvalid(c *engines.SchemaChange, i engines.Object) engines.Action {
	broken := "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indexrelid = to_regclass(" + lit(inSchema(c.Table, i.Name)) + ")\n" +
		" AND NOT (i.indisvalid AND i.indisready AND i.indislive)\n" +
		" AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index b WHERE b.index_relid = i.indexrelid))"
	a := engines.Act(p.On, "drop what a broken build left", "DROP INDEX CONCURRENTLY "+inSchema(c.Table, i.Name))
	a.Only = engines.Ask(p.On, "index "+i.Name+" is invalid", broken, "t")
	a.Proof = engines.Ask(p.On, "no invalid index "+i.Name, broken, "f")
	a.Lock = &engines.Lock{Attempts: 1, Object: c.Table}
	if a.Limit = p.Limit; a.Limit == 0 {
		a.Limit = longLimit
	}
	return a
}

// roundtrip counts stored rows that the new shape could not give back. It needs
// the mapping, not the columns: the new shape is made on the way.
func (p plan) roundtrip() (engines.Parts, error) {
	c, err := p.Shared()
	if err != nil {
		return engines.Parts{}, err
	}
	var cols, differ []string
	for i, m := range c.Down {
		cols = append(cols, ident(m.Column)+" AS tq_old_"+strconv.Itoa(i))
		differ = append(differ, "tq_old_"+strconv.Itoa(i)+" IS DISTINCT FROM ("+m.Expr+")")
	}
	for _, m := range c.Up {
		cols = append(cols, "("+m.Expr+") AS "+ident(m.Column))
	}
	text := "SELECT count(*) FROM (SELECT " + strings.Join(cols, ", ") + " FROM " + table(c.Table) + ") r\n WHERE " + strings.Join(differ, " OR ")
	a := engines.Checked(p.On, "rows that the new shape cannot give back", text, "0")
	a.Limit = p.Limit
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "reads only"}, nil
}

// backfill fills rows in batches. The checkpoint moves in the transaction of the
// batch, so a batch is either done and passed or neither; its row is locked
// first, so two cockpits cannot fill at once.
func (p plan) backfill() (engines.Parts, error) {
	c, err := p.Shared()
	if err != nil {
		return engines.Parts{}, err
	}
	most, ratio, err := runbooks.BatchesOf(p.Args)
	if err != nil {
		return engines.Parts{}, p.Fault(err, "correct args.batch and args.pause_ratio")
	}
	progress := table(p.Args[runbooks.ArgCheckpoint])
	begin := engines.Act(p.On, "checkpoint of "+c.Table, "INSERT INTO "+progress+" (what, last_key) VALUES ("+lit(c.Table)+", '"+firstKey+"') ON CONFLICT DO NOTHING")
	begin.Proof = engines.Ask(p.On, "the checkpoint is there", "SELECT count(*) FROM "+progress+" WHERE what = "+lit(c.Table), "1")
	fill := engines.Act(p.On, "fill rows of "+c.Table, batchText(c, progress))
	fill.Binds = []engines.Bind{{Var: engines.BatchVar, Why: "rows of this batch, at most " + strconv.Itoa(most)}}
	fill.Repeat = &engines.Repeat{Most: most, Ratio: ratio, Slow: slowBatch}
	fill.Lock = &engines.Lock{Wait: batchLock, Attempts: batchAttempts, Pause: batchPause, Object: c.Table}
	fill.Limit = batchLimit
	fill.Proof = engines.Ask(p.On, "rows left to fill", "SELECT count(*) FROM "+table(c.Table)+" WHERE "+ident(c.Filled)+" IS NULL", "0")
	if fill.Proof.Limit = p.Limit; p.Limit == 0 {
		fill.Proof.Limit = longLimit
	}
	return engines.Parts{Actions: []engines.Action{begin, fill}, UndoNone: "the columns it fills go with their own step"}, nil
}

// firstKey lies before every key.
const firstKey = "-9223372036854775808"

func batchText(c *engines.SchemaChange, progress string) string {
	key, what := ident(c.Key), lit(c.Table)
	var set []string
	for _, m := range c.Up {
		set = append(set, ident(m.Column)+" = "+m.Expr)
	}
	return "WITH k AS (SELECT last_key::bigint AS tq_last FROM " + progress + " WHERE what = " + what + " FOR UPDATE),\n" +
		"     b AS (SELECT t." + key + " AS tq_key FROM " + table(c.Table) + " t, k WHERE t." + key + " > k.tq_last ORDER BY t." + key + " LIMIT $1::bigint),\n" +
		"     u AS (UPDATE " + table(c.Table) + " t SET " + strings.Join(set, ", ") + "\n" +
		"             FROM b WHERE t." + key + " = b.tq_key AND t." + ident(c.Filled) + " IS NULL RETURNING 1)\n" +
		"UPDATE " + progress + " SET last_key = (SELECT max(tq_key) FROM b)::text, rows_done = rows_done + (SELECT count(*) FROM u), at = clock_timestamp()\n" +
		" WHERE what = " + what + " AND EXISTS (SELECT 1 FROM b) RETURNING last_key, rows_done, (SELECT count(*) FROM u)"
}

// noSessions counts a role's sessions and what it prepared and left behind: a
// prepared transaction belongs to no session and holds its locks.
func noSessions(role string) string {
	return "SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = " + lit(role) + " AND datname = current_database()),\n" +
		" (SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE owner = " + lit(role) + " AND database = current_database())"
}

func (p plan) fenceOn() (engines.Parts, error) {
	r, err := p.RoleOf(p.Args[runbooks.ArgColour])
	if err != nil {
		return engines.Parts{}, err
	}
	shut := nologin(p.On, r)
	end := p.end(p.On, "end the sessions of "+r, "usename = "+lit(r))
	end.Proof = engines.Until(engines.Ask(p.On, "sessions / prepared transactions of "+r, noSessions(r), "0 / 0"), proofEvery, writerLimit)
	return engines.Parts{Actions: []engines.Action{shut, end}, Undo: engines.Undoing(1, login(p.On, r))}, nil
}

func (p plan) fenceOff() (engines.Parts, error) {
	r, err := p.RoleOf(p.Args[runbooks.ArgColour])
	if err != nil {
		return engines.Parts{}, err
	}
	return engines.Parts{Actions: []engines.Action{login(p.On, r)}, Undo: engines.Undoing(1, nologin(p.On, r))}, nil
}

// sessionsGone waits for the sessions of a colour to end by themselves.
func (p plan) sessionsGone() (engines.Parts, error) {
	r, err := p.RoleOf(p.Args[runbooks.ArgColour])
	if err != nil {
		return engines.Parts{}, err
	}
	a := engines.Checked(p.On, "sessions / prepared transactions of "+r, noSessions(r), "0 / 0")
	limit := p.Limit
	if limit == 0 {
		limit = endLimit
	}
	a.Proof = engines.Until(a.Proof, 100*time.Millisecond, limit)
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "reads only"}, nil
}
