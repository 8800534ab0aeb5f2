package mysql_test

// tableTroubles are definitions. Tables of a row are made on both sides and go
// again with it.
func tableTroubles() []trouble {
	both := func(id, base, green string, r trouble) trouble {
		r.id, r.on, r.base = id, "green", []string{"use shop", base}
		if green != "" {
			r.green = []string{"use shop", green}
		}
		r.undo = append([]string{"use shop", "drop table if exists child", "drop table if exists x"}, r.undo...)
		return r
	}
	const x = "create table x (id int primary key, a varchar(20) not null default 'a', b int default 1)"
	rows := []trouble{
		{id: "MY14", on: "green", green: []string{"use shop", "create definer = ghost@'%' trigger tr before insert on notes for each row set new.body = 'x'"},
			level: block, says: "1: trigger shop.tr runs as ghost@%", gundo: []string{"drop trigger shop.tr"}},
		{id: "MY14", on: "green", blue: []string{"use shop", "create definer = ghost@'%' event ev on schedule every 1 day disable do select 1"},
			level: block, says: "1: event shop.ev runs as ghost@%", bundo: []string{"drop event shop.ev"}},
		{id: "MY14", on: "green", green: []string{"use shop", "create definer = ghost@'%' view v as select 1 as a"},
			level: caution, says: "1: view shop.v runs as ghost@%", gundo: []string{"drop view shop.v"}},
		{id: "MY14", on: "green", green: []string{"use shop", "create definer = ghost@'%' procedure p() select 1"},
			level: caution, says: "1: procedure shop.p runs as ghost@%", gundo: []string{"drop procedure shop.p"}},
		{id: "MY15", on: "blue", blue: []string{"create table shop.x (a int)"}, level: caution, says: "1: shop.x", bundo: []string{"drop table shop.x"}},
		{id: "MY15", on: "blue", blue: []string{"create table shop.x (a int)"}, lists: map[string][]string{"compare_rows": {"shop.x"}}, level: block, says: "to be compared by rows, 1: shop.x", bundo: []string{"drop table shop.x"}},
		{id: "MY16", on: "blue", blue: []string{"create table shop.x (a int primary key) engine = MyISAM", "insert into shop.x values (1)"}, level: block, says: "1: shop.x (MyISAM, 1 rows)", bundo: []string{"drop table shop.x"}},
		{id: "MY16", on: "blue", blue: []string{"create table shop.x (a int primary key) engine = MEMORY"}, level: caution, says: "1: shop.x (MEMORY, 0 rows)", bundo: []string{"drop table shop.x"}},
		{id: "MY16", on: "blue", blue: []string{"create table shop.x (a int primary key) engine = MyISAM", "insert into shop.x values (1)"}, lists: map[string][]string{"exclude": {"shop.x"}}, level: pass, bundo: []string{"drop table shop.x"}},
		both("MY17", x, "alter table x add constraint fk foreign key (b) references x (id) on delete cascade", trouble{level: block, says: "1: foreign key shop.x.fk is on green only"}),
		{id: "MY17", on: "green", base: []string{"use shop", x}, blue: []string{"use shop", "alter table x add constraint fk foreign key (b) references x (id)"},
			green: []string{"use shop", "alter table x add constraint fk foreign key (b) references x (id) on delete cascade"}, level: block,
			says: "shop.x.fk is b -> shop.x.id, on update RESTRICT, on delete RESTRICT on blue, b -> shop.x.id, on update RESTRICT, on delete CASCADE on green", undo: []string{"drop table shop.x"}},
		both("MY18", x, "alter table x add c int after a", trouble{level: block, says: "1: shop.x: column 3 is b on blue, c on green: values would land in the wrong column"}),
		both("MY18", x, "alter table x modify b bigint default 1", trouble{level: block, says: "1: shop.x.b is int on blue, bigint on green"}),
		both("MY18", x, "alter table x modify a varchar(20) character set latin2 not null default 'a'", trouble{level: block, says: " on green"}),
		both("MY18", x, "alter table x drop b", trouble{level: block, says: "1: shop.x.b is on blue only"}),
		both("MY18", x, "drop table x", trouble{level: block, says: "1: table shop.x is on blue only"}),
		both("MY18", x, "alter table x add c int not null", trouble{level: block, says: "1: shop.x.c is on green only and has no default"}),
		both("MY18", x, "alter table x add c int", trouble{level: caution, says: "1: shop.x.c is on green only"}),
		both("MY18", x, "alter table x add c int", trouble{level: pass, lists: map[string][]string{"expected_schema_diff": {"column shop.x.c"}}}),
		both("MY18", x, "alter table x alter b set default 2", trouble{level: caution, says: "1: shop.x.b is int default "}),
		both("MY18/objects", x, "create index i on x (b)", trouble{level: caution, says: "1: index shop.x.i is on green only"}),
		both("MY18/objects", x, "create unique index i on x (a(3), b)", trouble{level: block, says: "1: index shop.x.i is on green only"}),
		both("MY18/objects", x, "alter table x add constraint positive check (b > 0)", trouble{level: block, says: "positive is on green only"}),
		both("MY18/objects", x, "create trigger tr before insert on x for each row set new.b = 2", trouble{level: block, says: "1: trigger shop.tr is on green only"}),
		both("MY18/objects", x, "create view v as select b from x", trouble{level: caution, says: "1: view shop.v is on green only", undo: []string{"drop view if exists v"}}),
		both("MY18/objects", "create function f() returns int deterministic return 1", "drop function f", trouble{level: caution, says: "1: function shop.f is on blue only", undo: []string{"drop function if exists f"}}),
		{id: "MY18/objects", on: "green", blue: []string{"use shop", "create function f() returns int deterministic return 1"}, green: []string{"use shop", "create function f() returns int deterministic return 2"},
			level: caution, says: "1: function shop.f is not the same", undo: []string{"drop function shop.f"}},
		{id: "MY18/objects", on: "green", blue: []string{"use shop", "create event e on schedule every 1 day disable do select 1"}, level: caution, says: "1: event shop.e is on blue only", bundo: []string{"drop event shop.e"}},
		both("MY27", "create table x (id int primary key, a int, b int generated always as (a + 1) stored)", "alter table x modify b int generated always as (a + 2) stored", trouble{level: caution, says: "1: column shop.x.b is "}),
		both("MY27", "create table x (id int primary key) partition by hash (id) partitions 2", "alter table x coalesce partition 1", trouble{level: caution, says: "1: partition shop.x.p1 is on blue only"}),
		both("MY27", x, "alter table x alter column b set invisible", trouble{only: "mysql", level: caution, says: "1: column shop.x.b is on green only"}),
		both("MY27", x, "alter table x modify b int invisible default 1", trouble{only: "mariadb", level: caution, says: "1: column shop.x.b is on green only"}),
		{id: "MY19", on: "blue", blue: []string{"create table shop.x (id tinyint unsigned auto_increment primary key) auto_increment = 250"}, level: block, says: "1: shop.x.id has used 98 % of tinyint", bundo: []string{"drop table shop.x"}},
		{id: "MY19", on: "blue", blue: []string{"create table shop.x (id smallint auto_increment primary key) auto_increment = 26000"}, level: caution, says: "1: shop.x.id has used 79 % of smallint", bundo: []string{"drop table shop.x"}},
		{id: "MY19/behind", on: "green", base: []string{"alter table shop.notes auto_increment = 5000", "alter table shop.orders auto_increment = 5000", "create table shop.x (id int auto_increment primary key)"}, blue: []string{"alter table shop.x auto_increment = 500"}, level: caution,
			says: "1: shop.x would hand out 1 next, blue is at 500", undo: []string{"drop table shop.x"}},
	}
	return rows
}
