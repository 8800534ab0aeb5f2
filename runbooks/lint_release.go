package runbooks

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Arguments of the kinds of a shared database.
const (
	ArgText        = "text"         // the author's statements
	ArgLeaves      = "leaves"       // what is there afterwards, by engines.ParseObjects
	ArgLockTimeout = "lock_timeout" // longest wait for a lock; "0": no limit
	ArgAttempts    = "attempts"     // how often a statement that got no lock is sent
	ArgTransaction = "transaction"  // "true": all statements or none
	ArgColour      = "colour"       // blue, turquoise, green
	ArgBatch       = "batch"        // rows
	ArgPauseRatio  = "pause_ratio"  // pause after a batch, as a part of its time
	ArgCheckpoint  = "checkpoint"   // table that says how far a backfill is
	ArgAnswer      = "answer"       // parameter that must have a value
)

// release looks at a runbook of a shared database as a whole.
func (l *linter) release() {
	c := l.book.Change
	if c == nil {
		for _, p := range l.book.Phases {
			for _, s := range p.Steps {
				if slices.Contains(sharedKinds(), s.Kind) {
					l.step(s, "kind", "add schema and colours", "kind %s is for a database that versions of an application share", s.Kind)
				}
			}
		}
		return
	}
	l.edges()
	for _, k := range engines.Colours() {
		if _, ok := c.Role(k); !ok {
			l.warn(".colours", "add colours: {"+string(k)+": {role: …}}", "%s has no role of its own: its sessions cannot be fenced or proven, only named", k)
		}
	}
	l.book.eachPhase(func(p Phase, back bool) {
		for _, s := range p.Steps {
			l.releaseStep(p, s, back)
		}
	})
}

// sharedKinds need a schema.
func sharedKinds() []string {
	return []string{"ddl", "backfill", "fence-role", "sessions", "roundtrip", "shift"}
}

func (l *linter) warn(path, next, format string, args ...any) {
	f := l.book.finding(path, 0, next, format, args...)
	f.Warning = true
	l.found = append(l.found, f)
}

// edges asks that the walk goes up without skipping a state, and that each step
// up before the contract can be gone down again.
func (l *linter) edges() {
	at := 0
	var up, down [][2]int
	l.book.eachPhase(func(p Phase, back bool) {
		from, to, ok := p.Edge.ends()
		switch {
		case !ok:
		case back && to > from:
			l.refuse(p.path+".edge", 0, "write it downwards", "phase %s: a way back leads up from S%d to S%d", p.Name, from, to)
		case back:
			down = append(down, [2]int{from, to})
		case from != at || to != from+1:
			l.refuse(p.path+".edge", 0, fmt.Sprintf("the walk stands at S%d: write S%d-S%d", at, at, at+1),
				"phase %s: %s skips a state; a version would meet a shape that it does not know", p.Name, p.Edge)
			at = to
		default:
			up, at = append(up, [2]int{from, to}), to
		}
	})
	for _, e := range up {
		if e[1] == 6 {
			continue // the contract has no way back
		}
		if !slices.ContainsFunc(down, func(d [2]int) bool { return d[0] >= e[1] && d[1] <= e[0] }) {
			l.refuse(".ways_back", 0, fmt.Sprintf("add a way back with a phase of edge S%d-S%d", e[1], e[0]), "no way back leads down from S%d to S%d", e[1], e[0])
		}
	}
}

// releaseStep looks at one step of a shared database.
func (l *linter) releaseStep(p Phase, s Step, back bool) {
	if s.Risk >= Change && !back && !l.gated(s, "conflicts_count") {
		l.step(s, "before", fmt.Sprintf(`add {gauge: %s/conflicts_count, op: "==", want: 0}`, l.book.Change.On),
			"%s without a gate on contradictions between router, table and sessions", s.Risk)
	}
	if s.Risk >= Traffic && !l.gated(s, "release_state") {
		l.step(s, "before", fmt.Sprintf(`add {gauge: %s/release_state, op: "==", want: …}`, l.book.Change.On),
			"%s without a gate on the state of the release", s.Risk)
	}
	switch s.Kind {
	case "ddl":
		l.ddl(p, s, back)
	case "backfill":
		l.backfill(s)
	case "fence-role", "sessions":
		if _, ok := l.book.Change.Role(engines.Colour(s.Args[ArgColour])); !ok {
			l.step(s, "args", "add args: {colour: …} and the colour's role", "kind %s: colour %q has no role", s.Kind, s.Args[ArgColour])
		}
	case "shift":
		l.shift(s)
	}
}

// gated reports whether a gate before the step looks at a gauge of the database.
func (l *linter) gated(s Step, name string) bool {
	return slices.ContainsFunc(s.Before, func(g Gate) bool { return g.Gauge == engines.Gauge(l.book.Change.On, name) })
}

// shift asks for a look at the version that is to get the requests.
func (l *linter) shift(s Step) {
	for _, id := range []engines.TargetID{s.From, s.To} {
		if !l.book.colour(string(id)) {
			l.step(s, "to", "name blue, turquoise or green", "shift between %s and %s: %q is no version of the application", s.From, s.To, id)
		}
	}
	want := engines.Gauge(l.book.Change.Router, string(s.To)+"_health")
	if !slices.ContainsFunc(s.Before, func(g Gate) bool { return g.Gauge == want }) {
		l.step(s, "before", fmt.Sprintf(`add {gauge: %s, op: "==", want: up}`, want), "requests go to %s, and no gate asks whether it is healthy", s.To)
	}
}

func (l *linter) backfill(s Step) {
	c := l.book.Change
	if s.Args[ArgCheckpoint] == "" {
		l.step(s, "args", "add args: {checkpoint: tq.progress}", "backfill without a checkpoint: killed, it would begin again")
	} else if !plainTable.MatchString(s.Args[ArgCheckpoint]) {
		l.step(s, "args.checkpoint", "write schema.table", "checkpoint %q is no table", s.Args[ArgCheckpoint])
	}
	if n, err := strconv.Atoi(s.Args[ArgBatch]); err != nil || n < 1 || n > 1000000 {
		l.step(s, "args.batch", "write args: {batch: 10000}", "backfill: batch %q is no number of rows", s.Args[ArgBatch])
	}
	if r, err := strconv.ParseFloat(s.Args[ArgPauseRatio], 64); s.Args[ArgPauseRatio] != "" && (err != nil || r < 0 || r > 100) {
		l.step(s, "args.pause_ratio", `write a part of the batch's own time: "0.5"`, "backfill: pause ratio %q", s.Args[ArgPauseRatio])
	}
	if !slices.ContainsFunc(c.Both, func(o engines.Object) bool { return o.Kind == "trigger" }) {
		l.warn(s.path, "name the trigger in schema.both, or make sure that the application writes both shapes", "backfill without a trigger that keeps both shapes: rows written meanwhile are right only if the application writes both")
	}
}

// ddlRule is a form that waits behind a lock, blocks writers or loses data.
type ddlRule struct {
	bad     *regexp.Regexp
	expand  bool // in the expanding phase alone
	message string
	next    string
}

func ddlRules() []ddlRule {
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?is)` + s) }
	return []ddlRule{
		{re(`\bcascade\b`), false, "CASCADE drops what nobody named", "name each object, or let the server refuse"},
		{re(`\bcreate\s+(unique\s+)?index\s+(concurrently\s+)?if\s+not\s+exists\b`), false, "IF NOT EXISTS on an index takes an invalid one for done", "leave it out: the plan looks at the catalog itself"},
		{re(`^\s*drop\b|\bdrop\s+(column|constraint|not\s+null|default)\b`), true, "DROP while turquoise expands: the version before may use it", "drop in the contract, or in a way back"},
		{re(`\brename\b`), true, "RENAME takes a name away from the version before", "add the new column and a mapping"},
		{re(`\balter\s+(column\s+)?[\w"]+\s+(set\s+data\s+)?type\b|\bmodify\b|\bchange\s+column\b`), true, "a change of type rewrites the table under a lock", "add a new column and a mapping"},
		{re(`\bset\s+not\s+null\b`), true, "SET NOT NULL reads the whole table under a lock, and rows are not filled yet", "do it after the backfill, behind a validated CHECK"},
		{re(`\badd\s+column\s+[^,;]*\bnot\s+null\b`), true, "a NOT NULL column refuses the writes of the version before", "add it nullable"},
		{re(`\badd\s+column\s+[^,;]*\bdefault\s+[\w.]+\s*\(`), true, "a default that is computed rewrites the table under a lock", "add the column without it, and fill it"},
	}
}

var (
	concurrently = regexp.MustCompile(`(?i)\bconcurrently\b`)
	validates    = regexp.MustCompile(`(?i)\bnot\s+valid\b`)
	constrains   = regexp.MustCompile(`(?i)\badd\s+(constraint\s+\S+\s+)?(check|foreign|unique|primary|exclude)\b`)
	exclusive    = regexp.MustCompile(`(?i)^\s*(alter\s+table|drop\s+(table|trigger|index)|create\s+(or\s+replace\s+)?trigger|truncate)\b`)
	algorithm    = regexp.MustCompile(`(?i)\balgorithm\s*=?\s*(instant|inplace|nocopy|copy)\b`)
	copies       = regexp.MustCompile(`(?i)\balgorithm\s*=?\s*copy\b`)
	inPlace      = regexp.MustCompile(`(?i)\balgorithm\s*=?\s*inplace\b`)
	lockNone     = regexp.MustCompile(`(?i)\block\s*=?\s*none\b`)
	indexes      = regexp.MustCompile(`(?i)^\s*create\s+(unique\s+)?index\b`)
	mysqlDDL     = regexp.MustCompile(`(?i)^\s*(alter\s+table|create\s+(unique\s+)?index|drop\s+index)\b`)
)

// ddl looks at the statements of a step and at how they wait.
func (l *linter) ddl(p Phase, s Step, back bool) {
	stmts := Statements(s.Args[ArgText])
	once := s.Args[ArgTransaction] == "true"
	target, _ := l.book.Target(s.On)
	objects, err := engines.ParseObjects(s.Args[ArgLeaves])
	if s.Args[ArgLeaves] != "" && err != nil {
		l.step(s, "args.leaves", `write what is there afterwards: "column a text; no trigger t"`, "leaves: %v", err)
	}
	l.together(s, len(stmts), len(objects), once, sqlOfMySQL(target.Engine))
	wait, err := time.ParseDuration(s.Args[ArgLockTimeout])
	if given := s.Args[ArgLockTimeout]; given != "" && given != "0" && (err != nil || wait < 0) {
		l.step(s, "args.lock_timeout", `write "200ms", or "0" for no limit`, "lock_timeout %q is no time", given)
	}
	if n, err := strconv.Atoi(s.Args[ArgAttempts]); s.Args[ArgAttempts] != "" && (err != nil || n < 1 || n > 100) {
		l.step(s, "args.attempts", "write a number up to 100", "attempts %q", s.Args[ArgAttempts])
	}
	for _, text := range stmts {
		words := bare(text)
		for _, r := range ddlRules() {
			if r.bad.MatchString(words) && (!r.expand || p.Edge == "S2-S3" && !back) {
				l.step(s, "args.text", r.next, "%s", r.message)
			}
		}
		l.waits(s, words, target.Engine, wait, once)
		l.contracts(p, s, words, back)
		l.dialect(p, s, words, target.Engine, back)
	}
}

// sqlOfMySQL reports whether an engine speaks MySQL's SQL: mysql, mariadb.
func sqlOfMySQL(engine string) bool { return strings.HasPrefix(engine, "m") }

// together asks how several statements of one step belong together: as one
// transaction, or, where each change of the catalog commits by itself, one after
// the other with an object of leaves for each.
func (l *linter) together(s Step, stmts, objects int, once, mysql bool) {
	switch {
	case mysql && once:
		l.step(s, "args.transaction", "leave it out, and name in args.leaves what each statement leaves", "each change of the catalog commits by itself on MySQL and MariaDB")
	case mysql && stmts > 1 && stmts != objects:
		l.step(s, "args.leaves", "name one object for each statement, in order", "%d statements and %d objects that they leave: after a lost answer nobody could tell which were done", stmts, objects)
	case !mysql && stmts > 1 && !once:
		l.step(s, "args.text", "write transaction: true, or one step for each", "%d statements in one step: after a lost answer nobody could tell which were done", stmts)
	}
}

// dialect holds a statement against what its engine does with it.
func (l *linter) dialect(p Phase, s Step, words, engine string, back bool) {
	mysql := sqlOfMySQL(engine)
	switch {
	case mysql && mysqlDDL.MatchString(words) && !algorithm.MatchString(words):
		l.step(s, "args.text", "add ALGORITHM=INSTANT, or ALGORITHM=INPLACE, LOCK=NONE", "without ALGORITHM the server may copy the table and block writers")
	case mysql && copies.MatchString(words):
		l.step(s, "args.text", "write ALGORITHM=INSTANT or ALGORITHM=INPLACE, or give the table to a tool that copies it in the background", "ALGORITHM=COPY blocks writers for as long as it copies")
	case mysql && inPlace.MatchString(words) && !lockNone.MatchString(words):
		l.step(s, "args.text", "add LOCK=NONE", "ALGORITHM=INPLACE without LOCK=NONE may block writers; with it the server refuses instead")
	case !mysql && indexes.MatchString(words) && !concurrently.MatchString(words):
		l.step(s, "args.text", "write CREATE INDEX CONCURRENTLY", "CREATE INDEX blocks writers for as long as it builds")
	case !mysql && p.Edge == "S2-S3" && !back && constrains.MatchString(words) && !validates.MatchString(words):
		l.step(s, "args.text", "add NOT VALID, and validate after the backfill", "a constraint that is checked at once reads the whole table under a lock")
	}
}

// waits holds a statement against how it waits for locks.
func (l *linter) waits(s Step, words, engine string, wait time.Duration, once bool) {
	switch {
	case concurrently.MatchString(words):
		if once {
			l.step(s, "args.transaction", "give it an own step", "CONCURRENTLY inside a transaction is refused by the server")
		}
		if wait > 0 {
			l.step(s, "args.lock_timeout", `write lock_timeout: "0"`, "CONCURRENTLY with a lock timeout ends half done and leaves an invalid index")
		}
	case sqlOfMySQL(engine) && wait%time.Second != 0:
		l.step(s, "args.lock_timeout", "write 1s", "MySQL and MariaDB wait for locks in whole seconds: %s", wait)
	case (exclusive.MatchString(words) || sqlOfMySQL(engine) && mysqlDDL.MatchString(words)) && wait <= 0:
		next := `add lock_timeout: 200ms and attempts: 10`
		if sqlOfMySQL(engine) {
			next = `add lock_timeout: 1s and attempts: 10`
		}
		l.step(s, "args.text", next, "a statement that locks the table, without a lock timeout: everybody queues behind it while it waits")
	}
}

// contracts asks that what takes away the old shape has no return.
func (l *linter) contracts(p Phase, s Step, words string, back bool) {
	for _, o := range l.book.Change.Old {
		gone := regexp.MustCompile(`(?i)\bdrop\s+` + o.Kind + `\s+(if\s+exists\s+)?"?` + regexp.QuoteMeta(o.Name) + `"?(\s|,|;|$)`)
		if !gone.MatchString(words) {
			continue
		}
		if back {
			l.step(s, "args.text", "leave it out", "a way back drops %s, which the version before needs", o)
		}
		if s.Risk != NoReturn || s.Signers < minSigners {
			l.step(s, "risk", "write risk: no_return, phrase and signers: 2", "drops %s: there is no way back from it", o)
		}
		if p.Edge != "S5-S6" && !back {
			l.step(s, "args.text", "put it into the phase of edge S5-S6", "drops %s outside of the contract", o)
		}
	}
}
