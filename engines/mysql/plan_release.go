package mysql

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
	// ddlLimit: a statement that has its lock and touches no row takes milliseconds.
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
	// slowBatch is how long a batch may take before it is halved: replicas apply one
	// transaction of that length.
	slowBatch = time.Second
	// firstKey lies before every key.
	firstKey = "-9223372036854775808"
)

var (
	errCommits = errors.New("each change of the catalog commits by itself")
	errText    = errors.New("no statement")
	errEach    = errors.New("as many statements as objects that they leave are wanted")
	errSeconds = errors.New("locks are waited for in whole seconds")

	// rowsForm is a statement that reads or builds over all rows.
	rowsForm = regexp.MustCompile(`(?i)\balgorithm\s*=?\s*inplace\b`)
)

// ddl sends the author's statements, one after the other, under the lock
// discipline and proves each by the catalog. One whose effect is there is passed
// over, so that a step that broke off goes on where it was.
func (p plan) ddl() (engines.Parts, error) {
	c, err := p.Shared()
	if err != nil {
		return engines.Parts{}, err
	}
	objects, err := engines.ParseObjects(p.Args[runbooks.ArgLeaves])
	if err != nil {
		return engines.Parts{}, p.Fault(err, "write what is there afterwards in args.leaves")
	}
	lock, given, err := runbooks.LockOf(p.Args, c.Table)
	if err == nil && lock.Wait%time.Second != 0 {
		err = errSeconds
	}
	if err != nil {
		return engines.Parts{}, p.Fault(err, "write lock_timeout: 1s, or 0 for no limit")
	}
	stmts := runbooks.Statements(p.Args[runbooks.ArgText])
	switch {
	case p.Args[runbooks.ArgTransaction] == "true":
		return engines.Parts{}, p.Fault(errCommits, "leave transaction out, and name in args.leaves what each statement leaves")
	case len(stmts) == 0:
		return engines.Parts{}, p.Fault(errText, "correct args.text")
	case len(stmts) > 1 && len(stmts) != len(objects):
		return engines.Parts{}, p.Fault(errEach, "name in args.leaves one object for each statement, in order")
	}
	parts := engines.Parts{UndoNone: "the server keeps no earlier shape"}
	for i, text := range stmts {
		mine := objects
		if len(stmts) > 1 {
			mine = objects[i : i+1]
		}
		a := engines.Act(p.On, "change the catalog", text)
		if len(stmts) > 1 {
			a.Title = mine[0].String()
		}
		a.Only, a.Proof, a.Limit = p.undone(c, mine), p.leaves(c, mine), ddlLimit
		if rowsForm.MatchString(text) {
			a.Limit = p.long()
		}
		if given {
			a.Lock = &lock
		}
		parts.Actions = append(parts.Actions, a)
	}
	return parts, nil
}

func (p plan) long() time.Duration {
	if p.Limit == 0 {
		return longLimit
	}
	return p.Limit
}

// differs compares bytes: a collation may hold different texts for equal, and
// take blanks at the end for nothing.
func differs(a, b string) string {
	return "NOT (CAST(" + a + " AS BINARY) <=> CAST(" + b + " AS BINARY))"
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
		old := "tq_old_" + strconv.Itoa(i)
		cols = append(cols, ident(m.Column)+" AS "+old)
		differ = append(differ, differs(old, "("+m.Expr+")"))
	}
	for _, m := range c.Up {
		cols = append(cols, "("+m.Expr+") AS "+ident(m.Column))
	}
	text := "SELECT COUNT(*) FROM (SELECT " + strings.Join(cols, ", ") + " FROM " + qualified(c.Table) + ") r\n WHERE " + strings.Join(differ, " OR ")
	a := engines.Checked(p.On, "rows that the new shape cannot give back", text, "0")
	a.Limit = p.Limit
	return engines.Parts{Actions: []engines.Action{a}, UndoNone: "reads only"}, nil
}

// fillSQL is one batch. Its checkpoint is locked first and moves in the same
// transaction, so a batch is done and passed or neither, and nobody else fills at
// the same time. READ COMMITTED locks the rows of the batch and no gap behind
// them, or the last batch would hold up every insert. It answers with the
// checkpoint, the rows of the whole job and those of the batch, and with nothing
// when no row is left.
const fillSQL = `CREATE PROCEDURE %NAME%(IN most BIGINT)
BEGIN
  DECLARE from_key, to_key, before_n BIGINT;
  DECLARE batch_n BIGINT DEFAULT 0;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; DO RELEASE_LOCK('` + procLock + `'); RESIGNAL; END;
  IF GET_LOCK('` + procLock + `', 0) <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'turquoise: another procedure of turquoise runs';
  END IF;
  SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
  START TRANSACTION;
  SELECT last_key, rows_done INTO from_key, before_n FROM %PROGRESS% WHERE what = %WHAT% FOR UPDATE;
  SELECT MAX(k) INTO to_key FROM (SELECT %KEY% AS k FROM %TABLE% WHERE %KEY% > from_key ORDER BY %KEY% LIMIT most) b;
  IF to_key IS NOT NULL THEN
    UPDATE %TABLE% SET %SET% WHERE %KEY% > from_key AND %KEY% <= to_key AND %FILLED% IS NULL;
    SET batch_n = ROW_COUNT();
    UPDATE %PROGRESS% SET last_key = to_key, rows_done = before_n + batch_n, at = NOW(6) WHERE what = %WHAT%;
  END IF;
  COMMIT;
  DO RELEASE_LOCK('` + procLock + `');
  IF to_key IS NOT NULL THEN
    SELECT to_key, before_n + batch_n, batch_n;
  END IF;
END`

// backfill fills rows in batches, by a procedure: the server takes no several
// statements at once. It goes with the control schema.
func (p plan) backfill() (engines.Parts, error) {
	c, err := p.Shared()
	if err != nil {
		return engines.Parts{}, err
	}
	most, ratio, err := runbooks.BatchesOf(p.Args)
	if err != nil {
		return engines.Parts{}, p.Fault(err, "correct args.batch and args.pause_ratio")
	}
	progress := qualified(p.Args[runbooks.ArgCheckpoint])
	schema, _, _ := strings.Cut(p.Args[runbooks.ArgCheckpoint], ".")
	name := ident(schema) + ".fill"
	var set []string
	for _, m := range c.Up {
		set = append(set, ident(m.Column)+" = "+m.Expr)
	}
	filler := replace(fillSQL, "%NAME%", name, "%PROGRESS%", progress, "%WHAT%", lit(c.Table), "%KEY%", ident(c.Key), "%TABLE%", qualified(c.Table),
		"%SET%", strings.Join(set, ", "), "%FILLED%", ident(c.Filled))
	there := "SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = " + lit(schema) + " AND routine_name = 'fill'"
	begin := engines.Act(p.On, "checkpoint of "+c.Table, "INSERT IGNORE INTO "+progress+" (what, last_key) VALUES ("+lit(c.Table)+", "+firstKey+")")
	begin.Proof = engines.Ask(p.On, "the checkpoint is there", "SELECT COUNT(*) FROM "+progress+" WHERE what = "+lit(c.Table), "1")
	fill := engines.Act(p.On, "fill rows of "+c.Table, "CALL "+name+"($1)")
	fill.Binds = []engines.Bind{{Var: engines.BatchVar, Why: "rows of this batch, at most " + strconv.Itoa(most)}}
	fill.Repeat = &engines.Repeat{Most: most, Ratio: ratio, Slow: slowBatch}
	fill.Lock = &engines.Lock{Wait: batchLock, Attempts: batchAttempts, Pause: batchPause, Object: c.Table}
	fill.Limit = batchLimit
	fill.Proof = engines.Ask(p.On, "rows left to fill", "SELECT COUNT(*) FROM "+qualified(c.Table)+" WHERE "+ident(c.Filled)+" IS NULL", "0")
	fill.Proof.Limit = p.long()
	return engines.Parts{Actions: []engines.Action{begin,
		engines.Proven(engines.Act(p.On, "no old procedure", "DROP PROCEDURE IF EXISTS "+name), engines.Ask(p.On, "it is gone", there, "0")),
		engines.Proven(engines.Act(p.On, "procedure of a batch", filler), engines.Ask(p.On, "it is there", there, "1")), fill},
		UndoNone: "the columns it fills go with their own step"}, nil
}

// accountOf takes a role apart: user, or user@host; a user alone is of any host.
func accountOf(role string) (user, quoted string) {
	user, host := role, "%"
	if i := strings.LastIndexByte(role, '@'); i > 0 {
		user, host = role[:i], role[i+1:]
	}
	return user, account(user, host)
}

// opens counts accounts of a user that may log in: an account is a user and a
// host, and one host that was forgotten lets everybody in.
func (d dialect) opens(user string) string {
	return "SELECT COUNT(*) FROM " + d.pick("mysql.user WHERE account_locked = 'N'", "mysql.global_priv WHERE COALESCE(JSON_VALUE(priv, '$.account_locked'), '0') NOT IN ('1', 'true')") +
		" AND user = " + lit(user)
}

// accounts counts accounts of a user.
func (d dialect) accounts(user string) string {
	return "SELECT COUNT(*) FROM " + d.pick("mysql.user", "mysql.global_priv") + " WHERE user = " + lit(user)
}

func (p plan) shutAccount(role string) engines.Action {
	user, who := accountOf(role)
	return engines.Proven(engines.Act(p.On, user+" cannot log in", "ALTER USER "+who+" ACCOUNT LOCK"),
		engines.Ask(p.On, "accounts of "+user+" that may log in", p.d.opens(user), "0"))
}

func (p plan) openAccount(role string) engines.Action {
	user, who := accountOf(role)
	return engines.Proven(engines.Act(p.On, user+" may log in", "ALTER USER "+who+" ACCOUNT UNLOCK"),
		engines.Ask(p.On, "every account of "+user+" may log in", "SELECT ("+p.d.opens(user)+") = ("+p.d.accounts(user)+")", "1"))
}

// sessionsOf counts the sessions of a user.
func sessionsOf(user string) string {
	return "SELECT COUNT(*) FROM information_schema.processlist WHERE user = " + lit(user)
}

// noneOpen: a prepared transaction belongs to no session and holds its locks.
func (p plan) nonePrepared() engines.Action {
	return engines.Checked(p.On, "no prepared transaction", kept("XA RECOVER", "gtrid_length"), "none")
}

func (p plan) fenceOn() (engines.Parts, error) {
	role, err := p.RoleOf(p.Args[runbooks.ArgColour])
	if err != nil {
		return engines.Parts{}, err
	}
	user, _ := accountOf(role)
	end := engines.Act(p.On, "end the sessions of "+user, "CALL tqctl.end_sessions("+lit(user)+", "+strconv.Itoa(int(drainLimit.Seconds()))+")")
	end.Limit = drainLimit + 2*time.Second
	end.Proof = engines.Until(engines.Ask(p.On, "sessions of "+user, sessionsOf(user), "0"), writerEvery, writerLimit)
	return engines.Parts{Actions: []engines.Action{p.shutAccount(role), end, p.nonePrepared()}, Undo: engines.Undoing(1, p.openAccount(role))}, nil
}

func (p plan) fenceOff() (engines.Parts, error) {
	role, err := p.RoleOf(p.Args[runbooks.ArgColour])
	if err != nil {
		return engines.Parts{}, err
	}
	return engines.Parts{Actions: []engines.Action{p.openAccount(role)}, Undo: engines.Undoing(1, p.shutAccount(role))}, nil
}

// sessionsGone waits for the sessions of a colour to end by themselves.
func (p plan) sessionsGone() (engines.Parts, error) {
	role, err := p.RoleOf(p.Args[runbooks.ArgColour])
	if err != nil {
		return engines.Parts{}, err
	}
	user, _ := accountOf(role)
	a := engines.Checked(p.On, "sessions of "+user, sessionsOf(user), "0")
	limit := p.Limit
	if limit == 0 {
		limit = drainLimit
	}
	a.Proof = engines.Until(a.Proof, writerEvery, limit)
	return engines.Parts{Actions: []engines.Action{a, p.nonePrepared()}, UndoNone: "reads only"}, nil
}
