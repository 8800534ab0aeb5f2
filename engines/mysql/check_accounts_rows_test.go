package mysql_test

import "github.com/turquoise-db/turquoise/lab"

// accountTroubles are accounts and rights of one side.
func accountTroubles() []trouble {
	const my, maria = lab.FlavorMySQL, lab.FlavorMariaDB
	return []trouble{
		{id: "MY16/grants", on: "green", green: []string{"revoke insert on shop.* from batch@'%'"}, level: block, says: "1: batch@% lacks insert on shop.*", gundo: []string{"grant insert on shop.* to batch@'%'"}},
		{id: "MY16/grants", on: "green", blue: []string{"create role clerk", "grant clerk to batch@'%'"}, level: block, says: "1: batch@% lacks role clerk", bundo: []string{"drop role clerk"}},
		{id: "MY16/functions", on: "green", blue: []string{"insert into mysql.func values ('metaphon', 0, 'udf.so', 'function')"}, level: caution, says: "1: function metaphon", bundo: []string{"delete from mysql.func where name = 'metaphon'"}},
		{id: "MY22", on: "blue", params: map[string]string{"repl_user": "nobody"}, level: info, says: "nobody is not there yet"},
		{id: "MY22", on: "blue", blue: []string{"alter user repl@'%' account lock"}, level: caution, says: "repl@% is locked", bundo: []string{"alter user repl@'%' account unlock"}},
		{id: "MY22", on: "blue", blue: []string{"alter user repl@'%' password expire interval 3 day"}, level: caution, says: "repl@%'s password ends on 20", bundo: []string{"alter user repl@'%' password expire never"}},
		{id: "MY22", on: "green", green: []string{"grant insert on shop.* to repl@'%'"}, level: caution, says: "may more than replicate, 1: insert on shop.*", gundo: []string{"revoke insert on shop.* from repl@'%'"}},
		{id: "MY22", on: "green", green: []string{"revoke replication slave on *.* from repl@'%'"}, level: caution, says: "repl@% may not replicate", gundo: []string{"grant replication slave on *.* to repl@'%'"}},
		{id: "MY28", on: "green", green: []string{"rename user app@'%' to app2@'%'"}, level: block, says: "1: app@% does not exist", gundo: []string{"rename user app2@'%' to app@'%'"}},
		{id: "MY28", on: "green", params: nil, lists: map[string][]string{"app_users": {"shopper"}}, level: block, says: "shopper does not exist on blue"},
		{id: "MY28", on: "green", green: []string{"alter user app@'%' account lock"}, level: block, says: "1: app@% is locked", gundo: []string{"alter user app@'%' account unlock"}},
		{id: "MY28", on: "green", base: []string{"create user app@'10.0.0.1' identified by 'x'"}, green: []string{"alter user app@'10.0.0.1' password expire"}, level: block, says: "1: app@10.0.0.1 has a password that has expired", undo: []string{"drop user app@'10.0.0.1'"}},
		{id: "MY28", on: "green", green: []string{"create user app@'10.0.0.1' identified by 'x'"}, level: pass, says: "app@%", gundo: []string{"drop user app@'10.0.0.1'"}},
		{id: "MY28", on: "green", blue: []string{"create user app@'10.0.0.1' identified by 'x'"}, level: block, says: "1: app@10.0.0.1 does not exist", bundo: []string{"drop user app@'10.0.0.1'"}},
		{id: "MY28", on: "green", only: maria, blue: []string{"create user app@'10.0.0.1' identified by 'x'"}, green: []string{"create user app@'10.0.0.1' identified by 'y'"}, level: block, says: "1: app@10.0.0.1 has another password", undo: []string{"drop user app@'10.0.0.1'"}},
		{id: "MY28", on: "green", only: my, blue: []string{"create user app@'10.0.0.1' identified with sha256_password by 'x'"}, green: []string{"create user app@'10.0.0.1' identified by 'x'"}, level: block, says: "1: app@10.0.0.1 logs in by caching_sha2_password, on blue by sha256_password", undo: []string{"drop user app@'10.0.0.1'"}},
		{id: "MY28", on: "green", blue: []string{"create user app@'10.0.0.1' identified by 'x'"}, green: []string{"create user app@'10.0.0.1' identified by 'x' require ssl"}, level: block, says: "1: app@10.0.0.1 must come by TLS, on blue it need not", undo: []string{"drop user app@'10.0.0.1'"}},
	}
}

// freezeTroubles are what the freeze would not hold.
func freezeTroubles() []trouble {
	const my, maria = lab.FlavorMySQL, lab.FlavorMariaDB
	const onMy, onMaria = "grant connection_admin on *.* to ", "grant read_only admin on *.* to "
	rows := []trouble{
		{id: "MY11", on: "blue", lists: map[string][]string{"admins": nil}, level: caution, says: "root@127.0.0.1"},
		{id: "MY12/xa", on: "blue", blue: []string{"xa start 'batch 7'", "insert into shop.notes (body) values ('x')", "xa end 'batch 7'", "xa prepare 'batch 7'"}, level: block, says: "1 prepared transactions", bundo: []string{"xa rollback 'batch 7'"}, wait: true},
		{id: "MY13", on: "green", base: []string{"set global event_scheduler = on"}, green: []string{"create event shop.purge on schedule every 1 day do select 1"}, level: block, says: "these would run here too, 1: shop.purge", gundo: []string{"drop event shop.purge"}},
		{id: "MY13", on: "green", base: []string{"set global event_scheduler = off"}, green: []string{"create event shop.purge on schedule every 1 day do select 1"}, level: pass, gundo: []string{"drop event shop.purge"}},
		{id: "MY13", on: "green", base: []string{"set global event_scheduler = on"}, green: []string{"create event shop.purge on schedule every 1 day disable on slave do select 1"}, level: pass, says: "to be turned on after the switch, 1: shop.purge", gundo: []string{"drop event shop.purge"}},
		{id: "MY13", on: "blue", only: my, base: []string{"set global event_scheduler = on"}, blue: []string{"create event shop.purge on schedule every 1 day do select 1"}, level: info, says: "the window stops 1: shop.purge", bundo: []string{"drop event shop.purge"}},
		{id: "MY13", on: "blue", only: maria, base: []string{"set global event_scheduler = on"}, blue: []string{"create event shop.purge on schedule every 1 day do select 1"}, level: caution, says: "events run, 1: shop.purge", bundo: []string{"drop event shop.purge"}},
		{id: "MY26", on: "green", params: map[string]string{"automation": ""}, level: caution, says: "nobody has said"},
	}
	for only, grant := range map[string]string{my: onMy, maria: onMaria} {
		rows = append(rows,
			trouble{id: "MY11", on: "blue", only: only, blue: []string{"create user etl@'10.%' identified by 'x'", grant + "etl@'10.%'"}, level: block, says: "1: etl@10.%", bundo: []string{"drop user etl@'10.%'"}},
			trouble{id: "MY11", on: "green", only: only, green: []string{"create role ops", grant + "ops", "create user etl@'%' identified by 'x'", "grant ops to etl@'%'"}, level: block, says: "1: etl@%", gundo: []string{"drop user etl@'%'", "drop role ops"}},
			trouble{id: "MY11", on: "blue", only: only, blue: []string{"create user etl@'%' identified by 'x' account lock", grant + "etl@'%'"}, level: pass, bundo: []string{"drop user etl@'%'"}},
		)
	}
	return rows
}

// linkTroubles are done to a running link and mended again.
func linkTroubles() []trouble {
	const my, maria = lab.FlavorMySQL, lab.FlavorMariaDB
	// The event that green waits with bears a time of the past.
	late := func(secs string) []string {
		return []string{"set sql_log_bin = 1", "set timestamp = unix_timestamp() - " + secs, "insert into shop.notes (body) values ('late')"}
	}
	delay := []string{"stop replica", "change replication source to source_delay = 1000", "start replica"}
	nodelay := []string{"stop replica", "change replication source to source_delay = 0", "start replica"}
	clash := []string{"set sql_log_bin = 1", "insert into shop.notes (id, body) values (777777, 'x')"}
	return []trouble{
		{id: "MY07", on: "green", green: []string{"stop replica"}, level: block, says: "io No, sql No", gundo: []string{"start replica"}, wait: true},
		{id: "MY07", on: "green", green: []string{"stop replica sql_thread"}, level: block, says: "io Yes, sql No", gundo: []string{"start replica"}, wait: true},
		{id: "MY07", on: "green", base: []string{"delete from shop.notes where id = 777777", "insert into shop.notes (id, body) values (777777, 'mine')"}, blue: append([]string{"delete from shop.notes where id = 777777"}, clash...),
			level: block, says: "sql No, error 1062", gundo: []string{"delete from shop.notes where id = 777777", "start replica"}, wait: true},
		{id: "MY10/workers", on: "green", only: my, base: []string{"delete from shop.notes where id = 777777", "insert into shop.notes (id, body) values (777777, 'mine')"}, blue: append([]string{"delete from shop.notes where id = 777777"}, clash...),
			level: block, says: "worker 1: error 1062", gundo: []string{"delete from shop.notes where id = 777777", "start replica"}, wait: true},
		{id: "MY07", on: "green", green: delay, level: block, says: "delayed by 1000 s", gundo: nodelay, wait: true},
		{id: "MY07", on: "green", only: my, green: []string{"stop replica", "start replica until sql_after_gtids = '11111111-1111-1111-1111-111111111111:7'"}, level: block, says: "ends at a condition: SQL_AFTER_GTIDS", gundo: []string{"stop replica", "start replica"}, wait: true},
		{id: "MY07", on: "green", only: maria, green: []string{"stop replica", "start slave until master_gtid_pos = '0-1-999999'"}, level: block, says: "ends at a condition: Gtid", gundo: []string{"stop replica", "start replica"}, wait: true},
		{id: "MY08", on: "green", green: []string{"stop replica"}, level: block, says: "the lag is no number", gundo: []string{"start replica"}, wait: true},
		{id: "MY08", on: "green", green: delay, then: late("15"), level: caution, says: " s", gundo: nodelay, wait: true},
		{id: "MY08", on: "green", green: delay, then: late("60"), level: block, says: " s", gundo: nodelay, wait: true},
		{id: "MY09", on: "green", only: my, green: []string{"stop replica sql_thread", "change replication filter replicate_ignore_db = (reports)"}, level: block, says: "reports", gundo: []string{"change replication filter replicate_ignore_db = ()", "start replica"}},
		{id: "MY09", on: "green", only: maria, green: []string{"stop slave", "set global replicate_ignore_db = 'reports'"}, level: block, says: "reports", gundo: []string{"set global replicate_ignore_db = ''", "start slave"}},
		{id: "MY09", on: "green", only: my, green: []string{"change replication source to source_host = '127.0.0.1', source_port = 1, source_user = 'x' for channel 'etl'"}, level: block, says: "2 links", gundo: []string{"reset replica all for channel 'etl'"}},
		{id: "MY09", on: "green", only: maria, green: []string{"change master 'etl' to master_host = '127.0.0.1', master_port = 1, master_user = 'x'"}, level: block, says: "2 links", gundo: []string{"reset slave 'etl' all"}},
		{id: "MY09", on: "blue", blue: []string{"change replication source to source_host = '127.0.0.1', source_port = 1, source_user = 'x'", "start replica"}, level: block, says: "blue follows 127.0.0.1: io ", bundo: []string{"stop replica", "reset replica all"}},
		{id: "MY22/key", on: "green", only: my, green: []string{"stop replica", "change replication source to source_ssl = 0, get_source_public_key = 0", "start replica"}, level: caution, says: "no TLS, and no key of blue",
			gundo: []string{"stop replica", "change replication source to source_ssl = 1, get_source_public_key = 1", "start replica"}},
		{id: "MY22/key", on: "green", only: maria, before: info, level: info, says: "MariaDB does not have it"},
		{id: "MY23", on: "green", green: []string{"stop replica"}, level: block, says: "not recorded: the run's freeze_position, the run's reverse_position", gundo: []string{"start replica"}, wait: true},
	}
}
