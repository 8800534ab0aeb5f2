package postgres

import (
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// Limits inside the window. Ending sessions took 25 ms for three; a backend that
// does not end within five seconds is stuck and a person must look.
const (
	endLimit    = 5 * time.Second
	pollEvery   = time.Millisecond
	proofEvery  = 5 * time.Millisecond
	writerLimit = 3 * time.Second
)

func canLogin(t engines.TargetID, role, want string) *engines.Proof {
	return engines.Ask(t, "login of "+role, `SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = `+lit(role), want)
}

func login(t engines.TargetID, role string) engines.Action {
	return engines.Proven(engines.Act(t, "role "+role+" may log in", "ALTER ROLE "+ident(role)+" LOGIN"), canLogin(t, role, "t"))
}

func nologin(t engines.TargetID, role string) engines.Action {
	return engines.Proven(engines.Act(t, "role "+role+" may not log in", "ALTER ROLE "+ident(role)+" NOLOGIN"), canLogin(t, role, "f"))
}

// ours tells our own sessions: our role and our name together, for the name
// alone is the client's claim.
func (p plan) ours() string {
	return `(usename = ` + lit(p.own) + ` AND application_name LIKE '` + AppPrefix + `%')`
}

// end ends the sessions that match, again and again until none is left: a
// terminated session takes a moment, and one look is not a proof. The snapshot
// of the statistics is cleared each time or the loop would see its first look
// for ever.
func (p plan) end(t engines.TargetID, title, which string) engines.Action {
	text := body(`DECLARE n int; t timestamptz := clock_timestamp();
BEGIN
  LOOP
    PERFORM pg_stat_clear_snapshot();
    SELECT count(pg_terminate_backend(pid)) INTO n FROM pg_catalog.pg_stat_activity
     WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
       AND ` + which + `;
    EXIT WHEN n = 0;
    IF clock_timestamp() - t > interval '` + strconv.Itoa(int(endLimit.Seconds())) + ` s' THEN
      RAISE EXCEPTION 'turquoise: % sessions left', n;
    END IF;
    PERFORM pg_sleep(0.005);
  END LOOP;
END`)
	a := engines.Act(t, title, text)
	a.Limit = endLimit + 2*time.Second
	return a
}

// writers is the proof that nobody is left who could write: sessions, open
// writing transactions, prepared ones. Roles that are kept count as no session
// but as writers all the same. Autovacuum holds a transaction id for its own
// catalogue rows and is left out.
func (p plan) writers(t engines.TargetID) *engines.Proof {
	return engines.Until(engines.Ask(t, "sessions / writers / prepared transactions left", `SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND usename <> ALL (`+
		list(p.spared())+`)),
 count(*) FILTER (WHERE backend_xid IS NOT NULL AND backend_type <> 'autovacuum worker'),
 (SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE database = current_database())
FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND NOT `+p.ours(), "0 / 0 / 0"),
		proofEvery, writerLimit)
}

// freeze shuts the roles out first and ends sessions second, or they come back.
// The position is read after the last writer is gone. Read before, a commit in
// between would be on one side only.
func (p plan) freeze() (engines.Parts, error) {
	var out engines.Parts
	for i, r := range p.app {
		a := nologin(p.From, r)
		if i == 0 && !p.routed() {
			a.Starts = engines.FreezeBegins
		}
		out.Actions = append(out.Actions, a)
		back := engines.Undoing(i+1, login(p.From, r))[0]
		if i == len(p.app)-1 && !p.routed() {
			back.Starts = engines.WritesOpen
		}
		out.Abort = append(out.Abort, back)
	}
	out.Undo = append([]engines.Action(nil), out.Abort...)
	end := p.end(p.From, "end every session that could write", "usename <> ALL ("+list(p.spared())+") AND NOT "+p.ours())
	end.Proof = p.writers(p.From)
	out.Actions = append(out.Actions, end, p.fence(), p.position())
	return out, nil
}

func seen(t engines.TargetID, tbl, token string) *engines.Proof {
	return engines.Ask(t, "token in tq."+tbl, `SELECT count(*) FROM tq.`+tbl+` WHERE token = `+lit(token), "1")
}

// fence commits the token. A token that is already there is an error, not a
// success: the other side could have it from another attempt.
func (p plan) fence() engines.Action {
	return engines.Proven(engines.Act(p.From, "token "+p.Token(), "INSERT INTO tq.fence (token) VALUES ("+lit(p.Token())+")"), seen(p.From, "fence", p.Token()))
}

// position reads the insert position: the write position lags behind commits
// that are not flushed yet.
func (p plan) position() engines.Action {
	a := engines.Act(p.From, "freeze position", "SELECT pg_current_wal_insert_lsn()")
	a.Captures = []engines.Capture{{Var: "freeze_lsn"}}
	return a
}

// catchup waits for the token on the other side, makes durable there what was
// applied before it, and compares positions as the second proof.
func (p plan) catchup() (engines.Parts, error) {
	limit := p.Duration("catchup_limit", 30*time.Second)
	arrived := engines.Until(seen(p.To, "fence", p.Token()), pollEvery, limit)
	l := p.ahead()
	behind := `SELECT confirmed_flush_lsn >= $1::pg_lsn FROM pg_catalog.pg_replication_slots WHERE slot_name = ` + lit(l.slot)
	binds := []engines.Bind{{Var: "freeze_lsn", Why: "freeze position, read on " + string(p.From) + " after the last writer was gone"}}
	flushed := engines.Until(engines.Ask(p.From, "confirmed position is past the freeze", behind, "t"), pollEvery, limit)
	flushed.Binds = binds
	pos := engines.Act(p.From, "position of "+l.slot, behind)
	pos.Binds, pos.Proof = binds, flushed
	return engines.Parts{Actions: []engines.Action{
		engines.Proven(engines.Act(p.To, "token has arrived", arrived.Text), arrived),
		engines.Proven(engines.Act(p.To, "acknowledge the token", "INSERT INTO tq.ack (token) VALUES ("+lit(p.Token())+") ON CONFLICT DO NOTHING"), seen(p.To, "ack", p.Token())),
		pos,
	}, UndoNone: "waits, and writes one row of its own"}, nil
}

const readOnlySet = `SELECT count(*) FROM pg_catalog.pg_db_role_setting WHERE setrole = 0
 AND setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
 AND 'default_transaction_read_only=on' = ANY (setconfig)`

func (p plan) readOnly(t engines.TargetID, on bool) engines.Action {
	db := ident(p.Param("database", "app"))
	if on {
		return engines.Proven(engines.Act(t, "new sessions are read-only", "ALTER DATABASE "+db+" SET default_transaction_read_only = on"),
			engines.Ask(t, "the setting is there", readOnlySet, "1"))
	}
	return engines.Proven(engines.Act(t, "new sessions may write", "ALTER DATABASE "+db+" RESET default_transaction_read_only"),
		engines.Ask(t, "the setting is gone", readOnlySet, "0"))
}

// closed shuts applications out of a side; replication still gets in.
func (p plan) closed(t engines.TargetID) []engines.Action {
	var as []engines.Action
	for _, r := range p.app {
		as = append(as, nologin(t, r))
	}
	as = append(as, p.readOnly(t, true))
	which := "usename = ANY (" + list(p.app) + ")"
	left := `SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database() AND ` + which
	return append(as, engines.Proven(p.end(t, "end the applications' sessions", which),
		engines.Until(engines.Ask(t, "application sessions left", left, "0"), proofEvery, writerLimit)))
}

// opened lets applications in: the read-only setting goes first, or a session
// could start under it.
func (p plan) opened(t engines.TargetID) []engines.Action {
	as := []engines.Action{p.readOnly(t, false)}
	for _, r := range p.app {
		as = append(as, login(t, r))
	}
	return as
}

func (p plan) guardOn() (engines.Parts, error) {
	return engines.Parts{Actions: p.closed(p.To), Undo: engines.Undoing(1, p.opened(p.To)...)}, nil
}

func (p plan) guardOff() (engines.Parts, error) {
	return engines.Parts{Actions: p.opened(p.To), Undo: engines.Undoing(1, p.closed(p.To)...)}, nil
}

// lock keeps the side that had the writes closed. Replication is not held up by
// a read-only default.
func (p plan) lock() (engines.Parts, error) {
	return engines.Parts{Actions: p.closed(p.From), Undo: engines.Undoing(len(p.app)+1, p.readOnly(p.From, false))}, nil
}

// route lets applications into the side that gets the writes. Clients still wait
// at the router; without one, this is what opens.
func (p plan) route() (engines.Parts, error) {
	out := engines.Parts{Actions: p.opened(p.To), Undo: engines.Undoing(1, p.closed(p.To)...), Abort: engines.Undoing(1, p.closed(p.To)...)}
	if !p.routed() && len(out.Actions) > 1 {
		out.Actions[1].Starts = engines.OpensGreen
	}
	return out, nil
}

// open has nothing to do on the database: route let the roles in, and the router
// lets the clients go on.
func (p plan) open() (engines.Parts, error) {
	return engines.Parts{UndoNone: "the way back has its own steps"}, nil
}

// capture reads what the window needs to be true: the application's roles can
// log in on the side that has the writes, who else can, how many sequences.
func (p plan) capture() (engines.Parts, error) {
	as := func(name string) []engines.Capture { return []engines.Capture{{Var: name + "_" + string(p.On)}} }
	var acts []engines.Action
	if p.On == p.From {
		text := `SELECT count(*) FROM pg_catalog.pg_roles WHERE rolcanlogin AND rolname = ANY (` + list(p.app) + `)`
		// An abort gives every role its login back, so each must have had it.
		acts = append(acts, engines.Checked(p.On, "each application role can log in", text, strconv.Itoa(len(p.app))))
	}
	roles := engines.Act(p.On, "roles that may log in", `SELECT coalesce(string_agg(rolname::text, ', ' ORDER BY rolname), '-') FROM pg_catalog.pg_roles
 WHERE rolcanlogin AND rolname !~ '^(pg_|rds)' AND rolname <> ALL (`+list([]string{p.own, p.repl})+`)`)
	roles.Captures = as("roles")
	seqs := engines.Act(p.On, "sequences", `SELECT count(*) FROM pg_catalog.pg_class c WHERE `+strings.TrimSpace(userSequence))
	seqs.Captures = as("sequences")
	limit := engines.Act(p.On, "connection limit of the database", `SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = current_database()`)
	limit.Captures = as("connection_limit")
	return engines.Parts{Actions: append(acts, roles, seqs, limit), UndoNone: "reads only"}, nil
}
