package mysql

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/turquoise-db/turquoise/engines"
	"github.com/turquoise-db/turquoise/engines/preflight"
)

// equalChecks compare settings of the two sides.
func equalChecks() []check {
	return []check{
		{ID: "MY20", Title: "Settings that change meaning are equal", On: preflight.To, Needs: needPeer, Waive: engines.SecondPerson, Want: "no difference",
			Cause: "The same statement may answer otherwise after the switch.", Next: "set it on {here} as on {there}, in its option file too", Ask: felt},
		{ID: "MY20/names", Title: "Names mean the same", On: preflight.To, Needs: needPeer, Want: "the same lower_case_table_names",
			Cause: "A table that is found as Orders on one side is not found on the other.", Next: "build {here} again with the value of {there}: it cannot be changed",
			Ask: sameNames},
		{ID: "MY20/schemas", Title: "Schemas have the same character set", On: preflight.To, Needs: needBuilt | needCatalog, Waive: engines.SecondPerson, Want: "no difference",
			Cause: "New tables and the parameters of routines take it from there.", Next: "ALTER DATABASE … CHARACTER SET … COLLATE … on {here}", Ask: sameSchemas},
		{ID: "MY20/zones", Title: "Named time zones are there", On: preflight.To, Needs: needPeer | needAccounts, Waive: engines.SecondPerson, Want: "as many as on {there}",
			Cause: "CONVERT_TZ answers NULL for a zone that the server does not know.", Next: "load the zones on {here} with mysql_tzinfo_to_sql", Ask: sameZones},
		{ID: "MY21", Title: "Large rows and relay logs", On: preflight.To, Needs: needPeer, Waive: engines.SecondPerson, Want: "packets no smaller than on {there}, relay_log_recovery ON",
			Cause: "One row that is larger than the applier takes stops the replication.", Ask: packets},
	}
}

// feltSettings are those a client feels in the answers it gets.
func feltSettings() []string {
	return []string{"sql_mode", "time_zone", "system_time_zone", "explicit_defaults_for_timestamp", "character_set_server", "collation_server",
		"character_set_client_handshake", "default_storage_engine", "innodb_strict_mode", "transaction_isolation", "tx_isolation", "autocommit",
		"init_connect", "sql_generate_invisible_primary_key", "sql_require_primary_key", "foreign_key_checks", "unique_checks", "group_concat_max_len",
		"div_precision_increment", "lc_time_names", "default_week_format", "innodb_autoinc_lock_mode", "auto_increment_increment", "auto_increment_offset",
		"authentication_policy", "default_authentication_plugin", "require_secure_transport", "wait_timeout", "interactive_timeout", "innodb_native_foreign_keys",
		"max_statement_time", "max_execution_time", "innodb_lock_wait_timeout", "sql_safe_updates", "local_infile",
		"innodb_snapshot_isolation", settingCollations, "old_mode"}
}

// settingCollations says which collation a character set has when none is named.
// MariaDB has it since 11.2 and fills it since 11.5; a server without it does as
// one where it is empty.
const settingCollations = "character_set_collations"

// felt leaves out what the checks of counters and of names tell.
func felt(_ context.Context, k *look) (answer, error) {
	var bad []string
	for _, name := range feltSettings() {
		if strings.HasPrefix(name, "auto_increment_") || name == "innodb_autoinc_lock_mode" {
			continue
		}
		here, ok := k.me.vars[name]
		there, ok2 := k.peer.vars[name]
		if (!ok || !ok2) && name != settingCollations { // a setting that one version has not got cannot be set there
			continue
		}
		if name == "sql_mode" {
			bad = append(bad, modeDiff(here, there)...)
		} else if canonicalCharset(here) != canonicalCharset(there) {
			bad = append(bad, name+" is "+quotedEmpty(here)+", on {there} "+quotedEmpty(there))
		}
	}
	bad = slices.DeleteFunc(bad, func(s string) bool {
		name, _, _ := strings.Cut(s, " ")
		return slices.Contains(k.p.Lists["expected_schema_diff"], "setting "+name)
	})
	return preflight.Found(engines.Caution, bad), nil
}

func quotedEmpty(s string) string {
	if s == "" {
		return "empty"
	}
	return s
}

// modeDiff compares two lists of modes, whose order means nothing.
func modeDiff(here, there string) []string {
	a, b := strings.Split(here, ","), strings.Split(there, ",")
	var lacks, more []string
	for _, m := range b {
		if m != "" && !slices.Contains(a, m) {
			lacks = append(lacks, m)
		}
	}
	for _, m := range a {
		if m != "" && !slices.Contains(b, m) {
			more = append(more, m)
		}
	}
	var out []string
	if len(lacks) > 0 {
		out = append(out, "sql_mode lacks "+strings.Join(lacks, ", "))
	}
	if len(more) > 0 {
		out = append(out, "sql_mode has besides "+strings.Join(more, ", "))
	}
	return out
}

func sameNames(_ context.Context, k *look) (answer, error) {
	here, there := k.me.variable("lower_case_table_names"), k.peer.variable("lower_case_table_names")
	if here != there {
		return answer{Level: engines.Block, Is: here + ", on {there} " + there}, nil
	}
	return preflight.Passed(here)
}

func sameSchemas(ctx context.Context, k *look) (answer, error) {
	ds, err := k.compare(ctx, "SELECT CONCAT('schema ', schema_name), CONCAT(default_character_set_name, ' ', default_collation_name) FROM information_schema.schemata WHERE schema_name NOT IN ("+notUsers+")",
		canonicalCharset)
	return preflight.Found(engines.Caution, k.list(ds)), err
}

func sameZones(ctx context.Context, k *look) (answer, error) {
	const count = "SELECT COUNT(*) FROM mysql.time_zone_name"
	here, err := k.me.row(ctx, count)
	if err != nil {
		return answer{}, err
	}
	there, err := k.peer.row(ctx, count)
	if err != nil {
		return answer{}, err
	}
	if text(here, 0) != text(there, 0) {
		return answer{Level: engines.Caution, Is: text(here, 0) + " zones, on {there} " + text(there, 0)}, nil
	}
	return preflight.Passed(text(here, 0) + " zones")
}

// packets: MySQL's applier has a limit of its own, clients of the new side have
// the server's.
func packets(ctx context.Context, k *look) (answer, error) {
	limit := func(e *eye, name ...string) int64 {
		n, err := strconv.ParseInt(e.variable(name...), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	sent, taken := limit(k.peer, "max_allowed_packet"), limit(k.me, "max_allowed_packet")
	applied := limit(k.me, "replica_max_allowed_packet", "slave_max_allowed_packet")
	mb := func(n int64) string { return strconv.FormatInt(n>>20, 10) + " MB" }
	switch {
	case sent < 0 || taken < 0 || applied < 0:
		return answer{}, k.me.fail(errNumber)
	case applied < sent:
		return preflight.Says(engines.Caution, "the applier takes rows up to "+mb(applied)+", {there} sends up to "+mb(sent),
			"SET GLOBAL "+k.me.l.d.variable("max_allowed_packet")+" = "+strconv.FormatInt(sent, 10)+" on {here}"), nil
	case taken < sent:
		return preflight.Says(engines.Caution, "{here} takes packets up to "+mb(taken)+" from clients, {there} up to "+mb(sent),
			"SET GLOBAL max_allowed_packet = "+strconv.FormatInt(sent, 10)+" on {here} and keep it in its option file"), nil
	case k.me.variable("relay_log_recovery") != "ON":
		return preflight.Says(engines.Caution, "relay_log_recovery OFF: after a crash {here} may go on from a torn relay log", "set relay_log_recovery = ON in the option file of {here}, and restart it before the link"), nil
	}
	open, err := k.me.names(ctx, "SHOW GLOBAL STATUS WHERE variable_name IN ('Replica_open_temp_tables', 'Slave_open_temp_tables') AND value > 0")
	if err != nil {
		return answer{}, err
	}
	if len(open) > 0 {
		return preflight.Says(engines.Caution, "the applier holds temporary tables open", "let it go on until they are gone before {here} is stopped"), nil
	}
	return preflight.Passed(mb(applied) + ", relay_log_recovery ON")
}
