package mysql_test

import "github.com/turquoise-db/turquoise/lab"

// settingTroubles are settings of the whole server: set, looked at, and put back.
func settingTroubles() []trouble {
	const my, maria = lab.FlavorMySQL, lab.FlavorMariaDB
	return []trouble{
		{id: "MY02", on: "blue", blue: []string{"set global binlog_format = 'STATEMENT'"}, level: block, says: "STATEMENT", bundo: []string{"set global binlog_format = 'ROW'"}},
		{id: "MY02", on: "blue", blue: []string{"set global binlog_format = 'MIXED'"}, level: block, says: "MIXED", bundo: []string{"set global binlog_format = 'ROW'"}},
		{id: "MY02", on: "blue", only: my, blue: []string{"grant session_variables_admin on *.* to app@'%'"}, level: caution, says: "1: 'app'@'%'", bundo: []string{"revoke session_variables_admin on *.* from app@'%'"}},
		{id: "MY02", on: "blue", only: maria, blue: []string{"grant binlog admin on *.* to app@'%'"}, level: caution, says: "1: 'app'@'%'", bundo: []string{"revoke binlog admin on *.* from app@'%'"}},
		{id: "MY03", on: "green", green: []string{"set global binlog_row_image = 'MINIMAL'"}, level: block, says: "binlog_row_image MINIMAL", gundo: []string{"set global binlog_row_image = 'FULL'"}},
		{id: "MY03", on: "blue", only: my, blue: []string{"set global binlog_row_value_options = 'PARTIAL_JSON'"}, level: block, says: "PARTIAL_JSON", bundo: []string{"set global binlog_row_value_options = ''"}},
		{id: "MY03", on: "blue", only: my, blue: []string{"set global binlog_order_commits = off"}, level: caution, says: "binlog_order_commits OFF", bundo: []string{"set global binlog_order_commits = on"}},
		{id: "MY05", on: "green", green: []string{"set global server_id = 1"}, level: block, says: "server_id 1 on both sides", gundo: []string{"set global server_id = 2"}},
		{id: "MY06", on: "blue", blue: []string{"set global binlog_expire_logs_seconds = 1800"}, level: block, says: "30m0s", bundo: []string{"set global binlog_expire_logs_seconds = default"}},
		{id: "MY06", on: "green", green: []string{"set global binlog_expire_logs_seconds = 86400"}, level: caution, says: "24h0m0s, less than the 168h0m0s wanted", gundo: []string{"set global binlog_expire_logs_seconds = default"}},
		{id: "MY06", on: "blue", blue: []string{"create table mysql.rds_configuration (name varchar(99) primary key, value varchar(99))", "insert into mysql.rds_configuration values ('binlog retention hours', null)"},
			level: block, says: "binlog retention hours NULL", bundo: []string{"drop table mysql.rds_configuration"}},
		{id: "MY06", on: "blue", blue: []string{"create table mysql.rds_configuration (name varchar(99) primary key, value varchar(99))", "insert into mysql.rds_configuration values ('binlog retention hours', '24')"},
			level: caution, says: "binlog retention hours 24", bundo: []string{"drop table mysql.rds_configuration"}},
		{id: "MY10", on: "green", green: []string{"set global replica_exec_mode = 'IDEMPOTENT'"}, level: block, says: "exec_mode = IDEMPOTENT", gundo: []string{"set global replica_exec_mode = 'STRICT'"}},
		{id: "MY10", on: "blue", blue: []string{"set global replica_type_conversions = 'ALL_LOSSY'"}, level: block, says: "type_conversions = ALL_LOSSY", bundo: []string{"set global replica_type_conversions = ''"}},
		{id: "MY10", on: "blue", only: my, blue: []string{"set global replica_preserve_commit_order = off"}, level: block, says: "replica_preserve_commit_order = OFF", bundo: []string{"set global replica_preserve_commit_order = on"}},
		{id: "MY15/invisible", on: "green", only: my, green: []string{"set global sql_generate_invisible_primary_key = on"}, level: caution, says: "ON, on blue OFF", gundo: []string{"set global sql_generate_invisible_primary_key = off"}},
		{id: "MY19/step", on: "green", green: []string{"set global auto_increment_increment = 2"}, level: caution, says: "1: auto_increment_increment is 2, on blue 1", gundo: []string{"set global auto_increment_increment = 1"}},
		{id: "MY20", on: "green", green: []string{"set global sql_mode = 'NO_ENGINE_SUBSTITUTION'"}, level: caution, says: "sql_mode lacks ", gundo: []string{"set global sql_mode = default"}},
		{id: "MY20", on: "green", green: []string{"set global time_zone = '+02:00'"}, level: caution, says: "1: time_zone is +02:00, on blue SYSTEM", gundo: []string{"set global time_zone = 'SYSTEM'"}},
		{id: "MY20", on: "green", green: []string{"set global time_zone = '+02:00'"}, lists: map[string][]string{"expected_schema_diff": {"setting time_zone"}}, level: pass, gundo: []string{"set global time_zone = 'SYSTEM'"}},
		{id: "MY20", on: "green", only: maria, green: []string{"set global innodb_snapshot_isolation = not @@global.innodb_snapshot_isolation"}, level: caution, says: "1: innodb_snapshot_isolation is ",
			gundo: []string{"set global innodb_snapshot_isolation = default"}},
		{id: "MY20/schemas", on: "green", only: my, green: []string{"alter database shop character set latin2"}, level: caution, says: "1: schema shop is utf8mb4 ", gundo: []string{"alter database shop character set utf8mb4"}},
		{id: "MY20/schemas", on: "green", only: maria, blue: []string{"alter database shop character set latin1"}, green: []string{"alter database shop character set latin2"}, level: caution, says: "1: schema shop is latin1 ", gundo: []string{"alter database shop character set latin1"}},
		{id: "MY20/zones", on: "green", green: []string{"insert into mysql.time_zone_name values ('Tur/Quoise', 1)"}, level: caution, says: "1 zones, on blue 0", gundo: []string{"delete from mysql.time_zone_name where name = 'Tur/Quoise'"}},
		{id: "MY21", on: "green", before: caution, green: []string{"set global replica_max_allowed_packet = 1048576"}, level: caution, says: "the applier takes rows up to 1 MB, blue sends up to ", gundo: []string{"set global replica_max_allowed_packet = 1073741824"}},
		{id: "MY21", on: "green", before: caution, green: []string{"set global max_allowed_packet = 1048576"}, level: caution, says: "green takes packets up to 1 MB from clients", gundo: []string{"set global max_allowed_packet = default"}},
		{id: "MY25", on: "blue", only: my, blue: []string{mdlOff}, level: caution, says: "wait/lock/metadata/sql/mdl is off", bundo: []string{mdlOn}},
		{id: "MY25", on: "blue", only: maria, before: caution, blue: []string{mdlOn}, level: pass, says: "threads and table locks", bundo: []string{mdlOff}},
		{id: "MY25", on: "blue", only: maria, before: pass, base: []string{mdlOn}, blue: []string{mdlOff}, level: caution, says: "wait/lock/metadata/sql/mdl is off", undo: []string{mdlOff}},
		{id: "MY26", on: "blue", only: my, blue: []string{"install plugin rpl_semi_sync_source soname 'semisync_source.so'", "set global rpl_semi_sync_source_enabled = on"}, level: block, says: "1: rpl_semi_sync_source_enabled = ON",
			bundo: []string{"set global rpl_semi_sync_source_enabled = off", "uninstall plugin rpl_semi_sync_source"}},
		{id: "MY26", on: "blue", only: maria, before: pass, blue: []string{"set global rpl_semi_sync_master_enabled = on"}, level: block, says: "1: rpl_semi_sync_master_enabled = ON", bundo: []string{"set global rpl_semi_sync_master_enabled = off"}},
	}
}

const (
	mdlOff = "update performance_schema.setup_instruments set enabled = 'NO' where name = 'wait/lock/metadata/sql/mdl'"
	mdlOn  = "update performance_schema.setup_instruments set enabled = 'YES' where name = 'wait/lock/metadata/sql/mdl'"
)
