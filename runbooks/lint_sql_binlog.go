package runbooks

import "regexp"

// binlogRules are statements that are known to end badly where the log of one
// server is replayed on another; each row was seen to lose data or to stop it.
func binlogRules() []sqlRule {
	rule := func(bad, message, next string) sqlRule {
		return sqlRule{regexp.MustCompile("(?i)" + bad), nil, message, next}
	}
	rules := []sqlRule{
		rule(`\bbinlog_format\s*=\s*'?(mixed|statement)\b`,
			"a log of statements: they are run again on green, where UUID(), NOW() and LIMIT may answer otherwise", "write binlog_format = ROW"),
		rule(`\bbinlog_row_image\s*=\s*'?(minimal|noblob)\b`,
			"a log without whole rows: the way back and the comparison cannot match them", "write binlog_row_image = FULL"),
		rule(`\b(sql_(replica|slave)_skip_counter|(replica|slave)_skip_errors|rds_skip_repl_error)\b`,
			"the statement skips what replication stopped at: green differs from then on, and nothing says so", "compare the table; build green anew where it differs"),
		rule(`\b(reset\s+(replica|slave)\s+all|rds_reset_external_(master|source))\b`,
			"the statement forgets where replication stands: an abort could not take it up again", "use the kind detach, after writes are open"),
		rule(`\breset\s+(master|binary\s+logs\s+and\s+gtids)\b`,
			"the statement throws the binary log away: who follows it must be built anew", "use the kind seed, which empties the log of the new side alone"),
		rule(`\bset\s+(global\s+|persist\s+|@@global\.|@@persist\.)(super_)?read_only\s*=\s*(on|1|true)\b|\brds_set_read_only\s*\(\s*1`,
			"read_only alone is no freeze: privileged accounts write on, and on MySQL XA COMMIT goes through",
			"use the kind freeze, which ends sessions and proves that no writer is left"),
		rule(`\bflush\s+tables\s+with\s+read\s+lock\b`, "the lock is gone with the connection that holds it", "use the kind freeze"),
		rule(`\b(wait_for_executed_gtid_set|master_gtid_wait)\s*\(\s*''`,
			"a wait for the empty set answers at once: it proves nothing", "use the kind catchup, which waits for the position read under the freeze"),
		rule(`\bsql_log_bin\s*=\s*(0|off)\b`,
			"what the session changes from here on reaches no replica, and the session stays like this", "use the runbook's kinds, which have a session of its own for that"),
		rule("\\bdrop\\s+user\\s+(if\\s+exists\\s+)?['\"`]?[\\w.]+['\"`]?\\s*(,|;|$)",
			"DROP USER without a host means the account at '%' and is replicated; dropped on both sides it stops a strict MariaDB, and the way back needs it",
			"use the kind role with stage drop, after the kind close"),
	}
	counter := rule(`\bauto_increment\s*=\s*\d+`,
		"a value below the counter takes it down to the highest row: numbers are handed out twice", "use the kind sequences, which only raises, and logs nothing")
	counter.unless = regexp.MustCompile(`(?i)^\s*create\b`)
	return append(rules, counter)
}

// noGate are gauges that look like a proof and are none, by a part of their name.
func noGate() map[string]string {
	return map[string]string{"seconds_behind": "says 0 while the line is dead"}
}
