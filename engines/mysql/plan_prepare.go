package mysql

import (
	"strconv"
	"strings"
	"time"

	"github.com/turquoise-db/turquoise/engines"
)

// endSQL ends sessions, picked by user, again and again until none is left: the
// list of sessions is not known when the plan is made. Those of MySQL's system
// accounts, which we may not end, stay; super_read_only shuts them out. SYSDATE
// moves inside a routine, NOW does not.
const endSQL = `CREATE PROCEDURE tqctl.%NAME%(IN %LIST% VARCHAR(2000), IN limit_s DECIMAL(6,2))
BEGIN
  DECLARE victim BIGINT;
  DECLARE left_n INT DEFAULT 1;
  DECLARE deadline DATETIME(6) DEFAULT DATE_ADD(SYSDATE(6), INTERVAL limit_s * 1000000 MICROSECOND);
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN DO RELEASE_LOCK('` + procLock + `'); RESIGNAL; END;
  IF GET_LOCK('` + procLock + `', 0) <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'turquoise: another procedure of turquoise runs';
  END IF;
  drain: LOOP
    BEGIN
      DECLARE fin INT DEFAULT 0;
      DECLARE cur CURSOR FOR SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND %WHO%
        AND user NOT IN ('system user', 'event_scheduler', 'mysql.session', 'rdsadmin', 'unauthenticated user')
        AND command NOT IN ('Binlog Dump', 'Binlog Dump GTID', 'Daemon');
      DECLARE CONTINUE HANDLER FOR NOT FOUND SET fin = 1;
      DECLARE CONTINUE HANDLER FOR 1094 BEGIN END;
      DECLARE CONTINUE HANDLER FOR 1095 SET left_n = left_n - 1;
      SET left_n = 0;
      OPEN cur;
      sessions: LOOP
        FETCH cur INTO victim;
        IF fin THEN LEAVE sessions; END IF;
        SET left_n = left_n + 1;
        KILL CONNECTION victim;
      END LOOP;
      CLOSE cur;
    END;
    IF left_n = 0 THEN LEAVE drain; END IF;
    IF SYSDATE(6) > deadline THEN
      SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'turquoise: sessions are left';
    END IF;
    DO SLEEP(0.002);
  END LOOP;
  DO RELEASE_LOCK('` + procLock + `');
END`

// drainSQL ends every session that is not spared, endThoseSQL those of the users
// that are named.
func drainSQL() string {
	return replace(endSQL, "%NAME%", "drain", "%LIST%", "spared", "%WHO%", "FIND_IN_SET(user, spared) = 0")
}

func endThoseSQL() string {
	return replace(endSQL, "%NAME%", "end_sessions", "%LIST%", "users", "%WHO%", "FIND_IN_SET(user, users) > 0")
}

// barSQL closes a side to applications. SET GLOBAL read_only waits for every
// statement that writes, and one that waits for a row waits for a transaction that
// may do nothing for minutes, or that waits itself behind the closing: no server
// sees a deadlock in that. So the first wait is short, then all who could be in
// the way are ended, and the second is the session's own. Whoever meets the
// closing with its COMMIT is told that nothing was kept; who is ended is told
// nothing: that is why they are not ended first.
const barSQL = `CREATE PROCEDURE tqctl.bar_writes(IN spared VARCHAR(2000), IN limit_s DECIMAL(6,2))
BEGIN
  DECLARE wait_s BIGINT DEFAULT @@session.lock_wait_timeout;
  DECLARE closed INT DEFAULT 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN SET SESSION lock_wait_timeout = wait_s; RESIGNAL; END;
  SET SESSION lock_wait_timeout = 1;
  BEGIN
    DECLARE CONTINUE HANDLER FOR 1205 SET closed = 0;
    SET GLOBAL read_only = ON;
  END;
  SET SESSION lock_wait_timeout = wait_s;
  IF closed = 0 THEN
    CALL tqctl.drain(spared, limit_s);
    SET GLOBAL read_only = ON;
  END IF;
END`

// controlCreate makes the table that carries the fence token, and the procedures
// of the window. They exist before the copy, so that both sides have them.
//
// Where versions of an application share the database it makes the checkpoint of
// the backfill instead, and the procedure that ends a version's sessions.
func (p plan) controlCreate() (engines.Parts, error) {
	count := func(what, where string) string {
		return "SELECT COUNT(*) FROM information_schema." + what + " WHERE " + where
	}
	type routine struct{ name, what, text string }
	table, columns := "fence", "token VARCHAR(64) PRIMARY KEY, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"
	routines := []routine{{"drain", "ends sessions", drainSQL()}, {"bar_writes", "closes a side to applications", barSQL}, {"raise_counters", "raises AUTO_INCREMENT", raiseSQL}}
	if p.Change != nil {
		table, columns = "progress", "what VARCHAR(200) PRIMARY KEY, last_key BIGINT NOT NULL, rows_done BIGINT NOT NULL DEFAULT 0, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"
		routines = []routine{{"end_sessions", "ends the sessions of a version", endThoseSQL()}}
	}
	as := []engines.Action{
		engines.Proven(engines.Act(p.On, "schema of the control objects", "CREATE DATABASE IF NOT EXISTS tqctl"),
			engines.Ask(p.On, "the schema is there", count("schemata", "schema_name = 'tqctl'"), "1")),
		engines.Proven(engines.Act(p.On, "control table tqctl."+table, "CREATE TABLE IF NOT EXISTS tqctl."+table+" ("+columns+") ENGINE = InnoDB"),
			engines.Ask(p.On, "tqctl."+table+" is there", count("tables", "table_schema = 'tqctl' AND table_name = "+lit(table)), "1")),
	}
	for _, r := range routines {
		there := count("routines", "routine_schema = 'tqctl' AND routine_name = "+lit(r.name))
		as = append(as, engines.Proven(engines.Act(p.On, "no old procedure tqctl."+r.name, "DROP PROCEDURE IF EXISTS tqctl."+r.name), engines.Ask(p.On, "it is gone", there, "0")),
			engines.Proven(engines.Act(p.On, "procedure tqctl."+r.name+": "+r.what, r.text), engines.Ask(p.On, "it is there", there, "1")))
	}
	return engines.Parts{Actions: as, Undo: engines.Undoing(1, p.dropControl())}, nil
}

func (p plan) dropControl() engines.Action {
	return engines.Proven(engines.Act(p.On, "drop the control objects", "DROP DATABASE IF EXISTS tqctl"),
		engines.Ask(p.On, "no control objects", "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'tqctl'", "0"))
}

func (p plan) controlDrop() (engines.Parts, error) {
	if p.Change != nil {
		return engines.Parts{Actions: []engines.Action{p.dropControl()}, UndoNone: "the control objects hold nothing but how far the backfill came"}, nil
	}
	return engines.Parts{Actions: p.openly(p.dropControl()), UndoNone: "the control objects hold nothing but tokens of past attempts"}, nil
}

// openly lets our own account write on a side that may be closed for everybody.
// A side that is closed to applications is closed for everybody afterwards, as the
// steps before left it: what it was is not read, for a cockpit that dies in between
// would read its own opening.
func (p plan) openly(as ...engines.Action) []engines.Action {
	if p.of(p.On).maria {
		return as // our account passes read_only
	}
	open := engines.Proven(engines.Act(p.On, "let our own account write", "SET GLOBAL super_read_only = OFF"), engines.Ask(p.On, "it may", "SELECT @@global.super_read_only", "0"))
	shut := engines.Proven(engines.Act(p.On, "close it again, if it is closed to applications", "SET GLOBAL super_read_only = @@global.read_only"),
		engines.Ask(p.On, "it is closed for all or for none", "SELECT @@global.super_read_only = @@global.read_only", "1"))
	return append(append([]engines.Action{open}, as...), shut)
}

// unlogged runs an action in the session whose changes are not logged. Accounts
// are made and dropped on each side by itself: replicated, the second DROP USER
// stopped a strict MariaDB.
func unlogged(a engines.Action) engines.Action {
	a.Session = sessionUnlogged
	return a
}

// roleCreate makes the replication account, or gives an existing one the password
// of this run.
func (p plan) roleCreate() (engines.Parts, error) {
	src, err := p.sourceOf(p.On)
	if err != nil {
		return engines.Parts{}, err
	}
	who := account(src.user, p.Param("repl_host", "%"))
	require := "REQUIRE NONE"
	if src.tls {
		require = "REQUIRE SSL"
	}
	return engines.Parts{Actions: []engines.Action{
		unlogged(engines.Proven(engines.Act(p.On, "replication account", "CREATE USER IF NOT EXISTS "+who+" IDENTIFIED BY ${secret:repl_sql}"), p.hasAccount(src.user, "1"))),
		unlogged(engines.Proven(engines.Act(p.On, "password of the replication account", "ALTER USER "+who+" IDENTIFIED BY ${secret:repl_sql} "+require), p.hasAccount(src.user, "1"))),
		unlogged(engines.Proven(engines.Act(p.On, "it may follow the log", "GRANT REPLICATION SLAVE ON *.* TO "+who), engines.Ask(p.On, "it may",
			"SELECT COUNT(*) FROM information_schema.user_privileges WHERE privilege_type = 'REPLICATION SLAVE' AND grantee = "+lit(who), "1"))),
	}, UndoNone: "the account may have served before; its own drop step removes it"}, nil
}

func (p plan) hasAccount(user, want string) *engines.Proof {
	title := "the account is there"
	if want == "0" {
		title = "the account is gone"
	}
	return engines.Ask(p.On, title, "SELECT COUNT(*) FROM mysql.user WHERE user = "+lit(user)+" AND host = "+lit(p.Param("repl_host", "%")), want)
}

func (p plan) roleDrop() (engines.Parts, error) {
	src, err := p.sourceOf(p.On)
	if err != nil {
		return engines.Parts{}, err
	}
	drop := unlogged(engines.Proven(engines.Act(p.On, "drop the replication account", "DROP USER IF EXISTS "+account(src.user, p.Param("repl_host", "%"))), p.hasAccount(src.user, "0")))
	return engines.Parts{Actions: p.openly(drop), UndoNone: "no link uses the account any more"}, nil
}

// userTables counts the tables a copy brings.
var userTables = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema NOT IN (" + notUsers + ")"

// Names of the values that a copy leaves behind.
const (
	varSeedFile = "seed_file"
	varSeedPos  = "seed_position"
	varSeedIDs  = "seed_ids"
)

// seed copies everything with the coordinates at which it was true. The side that
// gets it must be empty; its own log is emptied, so that it begins with what the
// other side has done.
func (p plan) seed() (engines.Parts, error) {
	from, d := p.Known[p.From], p.of(p.To)
	count := engines.Act(p.From, "count the tables", userTables)
	count.Captures = []engines.Capture{{Var: "seed_tables"}}
	// The copy that follows tells MySQL which transactions it holds, as purged ones:
	// asked again behind it, the proof must not take them for the side's own.
	empty := engines.Proven(engines.Act(p.To, "empty the side's own log", d.emptyLogs()), engines.Ask(p.To, "it knows of no transaction of its own",
		d.pick("SELECT @@global.gtid_executed = '' OR @@global.gtid_executed = @@global.gtid_purged AND ("+userTables+") > 0", "SELECT @@global.gtid_binlog_pos = ''"), "1"))
	databases := p.moved()
	words := []string{"MYSQL_PWD='${secret:dump}'", d.pick("mysqldump", "mariadb-dump"), "--host=" + from.Host, "--port=" + strconv.Itoa(from.Port),
		"--user=" + p.Param("dump_user", p.own), "--single-transaction", "--routines", "--triggers", "--events", "--hex-blob", "--no-tablespaces"}
	switch {
	case d.maria:
		words = append(words, "--master-data=2")
	case p.byID():
		words = append(words, "--source-data=2", "--set-gtid-purged=ON")
	default:
		words = append(words, "--source-data=2", "--set-gtid-purged=OFF")
	}
	words = append(words, "--databases")
	for _, db := range append(append([]string(nil), databases...), "tqctl") { // ours come last: they say that all came
		words = append(words, "'"+strings.ReplaceAll(db, "'", "")+"'")
	}
	load := engines.Action{Target: p.To, Verb: engines.Exec, Title: "copy everything, with coordinates",
		Text: strings.Join(words, " ") + "\n| " + d.pick("mysql", "mariadb") + " '--init-command=SET SESSION sql_log_bin = 0'"}
	load.Captures = []engines.Capture{{Var: varSeedFile}, {Var: varSeedPos, Column: 1}}
	if p.byID() && !d.maria {
		load.Captures = append(load.Captures, engines.Capture{Var: varSeedIDs, Column: 2})
	}
	load.Proof = engines.Ask(p.To, "as many tables on both sides, and the control objects",
		"SELECT ("+userTables+") = $1, (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = 'tqctl')", "1 / 3")
	load.Proof.Binds = []engines.Bind{{Var: "seed_tables", Why: "number of tables on " + string(p.From) + ", counted before"}}
	as := []engines.Action{count, engines.Checked(p.To, "the side is empty", userTables, "0"), empty, load}
	if p.byID() && d.maria { // its dump names the ids behind the last table
		ids := engines.Act(p.From, "transactions in the copy", "SELECT NULLIF(BINLOG_GTID_POS($1, $2), '')")
		ids.Captures = []engines.Capture{{Var: varSeedIDs}}
		as = append(as, bound(ids, engines.Bind{Var: varSeedFile, Why: "log file of the copy"}, engines.Bind{Var: varSeedPos, Why: "position of the copy"}))
	}
	return engines.Parts{Actions: as, UndoNone: "drop the databases of the new side and copy again"}, nil
}

// setting is one variable that is set and put back. value is an expression.
type setting struct{ name, value, want string }

// settings sets variables so that a restart keeps them where the product can,
// and captures the old values for the undo.
func (p plan) settings(on engines.TargetID, title string, ss []setting) engines.Parts {
	var out engines.Parts
	d := p.of(on)
	for _, s := range ss {
		old := s.name + "_" + string(on)
		read := engines.Act(on, s.name+" as it is", "SELECT @@global."+s.name)
		read.Captures = []engines.Capture{{Var: old}}
		set := engines.Proven(engines.Act(on, title+": "+s.name, d.keep()+" "+s.name+" = "+s.value), engines.Ask(on, s.name, "SELECT "+s.want, "1"))
		out.Actions = append(out.Actions, read, set)
		back := engines.Act(on, s.name+" as it was", d.keep()+" "+s.name+" = $1")
		back.Proof = engines.Ask(on, s.name, "SELECT @@global."+s.name+" = $1", "1")
		back = bound(back, engines.Bind{Var: old, Why: s.name + " on " + string(on) + ", read before it was set"})
		out.Undo = append(engines.Undoing(len(out.Actions), back), out.Undo...)
	}
	return out
}

func (p plan) exactly(name, v string) setting {
	return setting{name, v, "@@global." + name + " = " + v}
}

// steady shortens the catch-up and keeps a dead link from looking alive: a single
// applier fell behind 16 clients, and a link is given up after ten seconds of
// silence instead of sixty. By position the server's own checkpoint decides how
// late it knows what it has applied.
func (p plan) steady() (engines.Parts, error) {
	d := p.of(p.On)
	ss := []setting{p.exactly(d.pick(d.variable("parallel_workers"), "slave_parallel_threads"), strconv.Itoa(applyWorkers)),
		p.exactly(d.variable("net_timeout"), "10")}
	if !p.byID() && !d.maria {
		ss = append(ss, p.exactly(d.variable("checkpoint_period"), "10"))
	}
	return p.settings(p.On, "applier", ss), nil
}

// applyWorkers of a link; commits stay in the source's order.
const applyWorkers = 8

// retain keeps the log for as long as the copy, the rehearsal and the way back
// may need it. A longer time, or for ever, is left alone.
func (p plan) retain() (engines.Parts, error) {
	s := strconv.FormatInt(int64(p.Duration("keep_logs", 7*24*time.Hour)/time.Second), 10)
	const name = "binlog_expire_logs_seconds"
	return p.settings(p.On, "keep the binary log", []setting{{name,
		"CAST(IF(@@global." + name + " = 0, 0, GREATEST(@@global." + name + ", " + s + ")) AS UNSIGNED)", "@@global." + name + " = 0 OR @@global." + name + " >= " + s}}), nil
}
