package mysql

import "github.com/turquoise-db/turquoise/engines"

// wantedSQL reads the captured counters as rows: schema, table, next number.
const wantedSQL = `JSON_TABLE(%FROM%, '$[*]' COLUMNS (s VARCHAR(64) PATH '$[0]', t VARCHAR(64) PATH '$[1]', n BIGINT UNSIGNED PATH '$[2]')) w`

// raiseSQL raises counters that are behind, one ALTER TABLE each: which tables
// they are is known only under the freeze. A counter is never set lower: the
// server would take it down to the highest row.
const raiseSQL = `CREATE PROCEDURE tqctl.raise_counters(IN wanted LONGTEXT)
BEGIN
  DECLARE s_name, t_name VARCHAR(64);
  DECLARE n_next BIGINT UNSIGNED;
  DECLARE fin INT DEFAULT 0;
  DECLARE raised INT DEFAULT 0;
  DECLARE cur CURSOR FOR SELECT i.table_schema, i.table_name, w.n
    FROM JSON_TABLE(wanted, '$[*]' COLUMNS (s VARCHAR(64) PATH '$[0]', t VARCHAR(64) PATH '$[1]', n BIGINT UNSIGNED PATH '$[2]')) w
    JOIN information_schema.tables i ON BINARY i.table_schema = BINARY w.s AND BINARY i.table_name = BINARY w.t
    WHERE COALESCE(i.auto_increment, 1) < w.n;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET fin = 1;
  DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN DO RELEASE_LOCK('` + procLock + `'); RESIGNAL; END;
  IF @@session.sql_log_bin THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'turquoise: this session logs its changes';
  END IF;
  IF GET_LOCK('` + procLock + `', 0) <> 1 THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'turquoise: another procedure of turquoise runs';
  END IF;
  OPEN cur;
  counters: LOOP
    FETCH cur INTO s_name, t_name, n_next;
    IF fin THEN LEAVE counters; END IF;
    SET @tqctl_raise = CONCAT('ALTER TABLE ` + "`', REPLACE(s_name, '`', '``'), '`.`', REPLACE(t_name, '`', '``'), '`" + ` AUTO_INCREMENT = ', n_next);
    PREPARE one FROM @tqctl_raise;
    EXECUTE one;
    DEALLOCATE PREPARE one;
    SET raised = raised + 1;
  END LOOP;
  CLOSE cur;
  DO RELEASE_LOCK('` + procLock + `');
  SELECT raised;
END`

const varCounters = "counters"

// sequences reads the counters where the writes were and raises the other side,
// under the freeze: numbers of transactions that were taken back are not
// replicated.
func (p plan) sequences() (engines.Parts, error) {
	read := engines.Act(p.From, "all AUTO_INCREMENT counters", "SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(table_schema, table_name, auto_increment)), '[]'), COUNT(*)\nFROM ("+countersSQL+") c")
	read.Captures = []engines.Capture{{Var: varCounters}}
	b := engines.Bind{Var: varCounters, Why: "AUTO_INCREMENT of every table on " + string(p.From) + ", read by the action before"}
	up := unlogged(engines.Act(p.To, "raise AUTO_INCREMENT counters", "CALL tqctl.raise_counters($1)"))
	up.Proof = engines.Ask(p.To, "counters behind or missing", p.countersBehind(), "0")
	return engines.Parts{Actions: []engines.Action{read, bound(up, b)}, UndoNone: "higher counters are harmless, and they never go back"}, nil
}

// countersBehind counts counters in $1 that this side lacks or has behind. On the
// way back a table that only green has is green's own.
func (p plan) countersBehind() string {
	missing := "i.table_name IS NULL OR "
	if p.From == engines.GreenSide {
		missing = "i.table_name IS NOT NULL AND "
	}
	return "SELECT COUNT(*) FROM " + replace(wantedSQL, "%FROM%", "$1") +
		"\n LEFT JOIN information_schema.tables i ON BINARY i.table_schema = BINARY w.s AND BINARY i.table_name = BINARY w.t\n WHERE " +
		missing + "COALESCE(i.auto_increment, 1) < w.n"
}
