package postgres_test

import "github.com/turquoise-db/turquoise/engines"

const (
	keyed   = "create table public.t (id int primary key, v text)"
	block   = engines.Block
	caution = engines.Caution
)

func tableTroubles() []trouble {
	base := []string{keyed}
	pg03 := func(says string, make ...string) trouble {
		return trouble{id: "PG03", on: "blue", base: base, blue: make, level: block, says: says}
	}
	// No statement makes these states; a server that crashed, or one of another
	// version, may have left them.
	forged := func(set string) []string {
		return []string{"set allow_system_table_mods = on; update pg_catalog.pg_index set " + set + " where indexrelid = 'public.x'::regclass"}
	}
	return []trouble{
		pg03("1: public.k", "create table public.k (id int)"),
		pg03("1: public.k", "create table public.k (id int primary key deferrable)"),
		pg03("1: public.k", "create table public.k (id int unique)"),
		pg03("1: public.k", "create table public.k (id int primary key)", "alter table public.k replica identity nothing"),
		pg03("1: public.k", "create table public.k (id int not null)", "create unique index x on public.k (id)",
			"alter table public.k replica identity using index x", "drop index public.x"),
		pg03("1: public.k", append([]string{"create table public.k (id int, constraint x primary key (id))"}, forged("indisvalid = false")...)...),
		pg03("1: public.k", append([]string{"create table public.k (id int not null)", "create unique index x on public.k (id) where id > 0"}, forged("indisreplident = true")...)...).
			and("update pg_catalog.pg_class set relreplident = 'i' where oid = 'public.k'::regclass"),
		pg03("1: public.k", append([]string{"create table public.k (id int not null)", "create unique index x on public.k ((id + 1))"}, forged("indisreplident = true")...)...).
			and("update pg_catalog.pg_class set relreplident = 'i' where oid = 'public.k'::regclass"),
		pg03("1: public.k", append([]string{"create table public.k (id int)", "create unique index x on public.k (id)"}, forged("indisreplident = true")...)...).
			and("update pg_catalog.pg_class set relreplident = 'i' where oid = 'public.k'::regclass"),
		{id: "PG03", on: "green", base: base, green: []string{`create table public."Odd "" one" (id int)`}, level: block, says: `1: public."Odd "" one"`},
		{id: "PG03", on: "blue", base: base, blue: []string{"create table public.f (id int)", "alter table public.f replica identity full"}, level: engines.Pass},
		{id: "PG04", on: "blue", base: base, blue: []string{"create table public.f (id int, p point)", "alter table public.f replica identity full"}, level: block, says: "1: point in public.f"},
		{id: "PG04", on: "blue", base: base, blue: []string{"create table public.f (id int, p jsonb, q text[])", "alter table public.f replica identity full"}, level: engines.Pass},
		{id: "PG04", on: "blue", base: base, blue: []string{"create table public.f (id int)", "alter table public.f replica identity full",
			"update pg_catalog.pg_class set reltuples = 200000 where oid = 'public.f'::regclass"}, level: caution, says: "1: public.f"},
		{id: "PG12", on: "blue", base: []string{"create sequence public.q"}, blue: []string{"create sequence public.small as smallint", "select setval('public.small', 32000)"}, level: block, says: "public.small (smallint, 97.7 % used)"},
		{id: "PG12", on: "blue", base: []string{"create sequence public.q"}, blue: []string{"create sequence public.down increment by -1 maxvalue 0 minvalue -100000", "select setval('public.down', -80000)"}, level: caution, says: "public.down (bigint, 80.0 % used)"},
		{id: "PG12", on: "blue", base: []string{"create sequence public.q"}, blue: []string{"create sequence public.round maxvalue 10 cycle"}, level: caution, says: "CYCLE, 1: public.round"},
		{id: "PG12", on: "blue", base: []string{"create sequence public.q"}, blue: []string{"create sequence public.many cache 20"}, level: caution, says: "CACHE above 1, 1: public.many"},
		{id: "PG12/sets", on: "green", base: []string{keyed, "create sequence public.q"}, green: []string{"drop sequence public.q", "create sequence public.q as int"}, level: block, says: "public.q is bigint counting up on blue, integer counting up on green"},
		{id: "PG12/sets", on: "green", base: []string{keyed}, blue: []string{`create sequence public."Q q"`}, level: block, says: `public."Q q" is on blue only`},
		{id: "PG14", on: "blue", blue: []string{"select lo_create(0)"}, level: block, says: "1"},
		{id: "PG15", on: "blue", blue: []string{"create unlogged table public.u (id int primary key)"}, level: caution, says: "1: public.u"},
		{id: "PG16", on: "blue", blue: []string{"create materialized view public.m as select 1"}, level: caution, says: "1: public.m (materialized view)"},
		{id: "PG18", on: "green", base: base, green: []string{"create function public.f() returns trigger language plpgsql as 'begin return new; end'",
			"create trigger tr before insert on public.t for each row execute function public.f()", "alter table public.t enable always trigger tr"}, level: block, says: "1: tr on public.t"},
		{id: "PG18", on: "blue", base: base, blue: []string{"create rule ru as on insert to public.t do also select 1", "alter table public.t enable replica rule ru"}, level: caution, says: "1: ru on public.t"},
		{id: "PG19", on: "green", base: base, green: []string{"alter table public.t add constraint c check (id > 0) not valid"}, level: caution, says: "constraints, 1: c on public.t"},
		{id: "PG19", on: "green", base: append(base, "create index x on public.t (v)"), green: forged("indisvalid = false"), level: block, says: "indexes, 1: public.x"},
		{id: "PG29", on: "green", base: base, green: []string{"alter table public.t set (autovacuum_enabled = off)", "insert into public.t select g from generate_series(1, 10001) g", "select pg_stat_force_next_flush()"}, level: caution, says: "1: public.t"},
	}
}

func (r trouble) and(text string) trouble {
	r.blue = append(r.blue, "set allow_system_table_mods = on; "+text)
	return r
}

func schemaTroubles() []trouble {
	base := []string{keyed}
	part := []string{"create table public.p (id int primary key) partition by range (id)", "create table public.p1 partition of public.p for values from (0) to (10)"}
	pg21 := func(level engines.Level, says, green string) trouble {
		return trouble{id: "PG21", on: "green", base: base, green: []string{green}, level: level, says: says}
	}
	return []trouble{
		{id: "PG13", on: "green", base: base, blue: []string{"alter table public.t alter id add generated always as identity"}, level: block, says: "public.t.id is identity always on blue, no identity on green"},
		{id: "PG17", on: "green", base: append(base, "alter table public.t add g int generated always as (id * 2) stored"),
			green: []string{"alter table public.t drop g", "alter table public.t add g int generated always as (id * 3) stored"}, level: block, says: "public.t.g is stored (id * 2) on blue, stored (id * 3) on green"},
		{id: "PG17", on: "green", base: append(base, "alter table public.t add g int"), blue: []string{"alter table public.t drop g", "alter table public.t add g int generated always as (id * 2) stored"}, level: block, says: "plain on green"},
		{id: "PG20", on: "green", base: part, blue: []string{"create table public.p2 partition of public.p for values from (10) to (20)"}, level: block, says: "public.p2 is on blue only"},
		{id: "PG20", on: "green", base: part, green: []string{"drop table public.p1", "create table public.p1 partition of public.p for values from (0) to (9)"}, level: block, says: "FOR VALUES FROM (0) TO (9) on green"},
		pg21(caution, "column public.t.extra is on green only", "alter table public.t add extra int"),
		pg21(block, "column public.t.extra is on green only", "alter table public.t add extra int not null"),
		pg21(block, "column public.t.v is on blue only", "alter table public.t drop v"),
		pg21(block, "column public.t.v is text on blue, integer on green", "alter table public.t alter v type int using null"),
		pg21(block, "constraint public.t.c is on green only", "alter table public.t add constraint c check (id > 0)"),
		pg21(caution, "index public.x is on green only", "create index x on public.t (v)"),
		pg21(caution, "function public.f() is on green only", "create function public.f() returns int language sql as 'select 1'"),
		pg21(caution, "relation public.w is on green only", "create view public.w as select 1"),
		pg21(block, "relation public.t is on blue only", "alter table public.t rename to t2"),
		{id: "PG21", on: "green", base: base, green: []string{"alter table public.t add extra int"}, level: engines.Pass, lists: map[string][]string{"expected_schema_diff": {"column public.t.extra"}}},
		{id: "PG22", on: "green", base: base, blue: []string{"create extension pgcrypto"}, level: block, says: "not created on green: 1: pgcrypto"},
		{id: "PG23", on: "green", green: []string{"create collation public.c (provider = icu, locale = 'en')", "update pg_catalog.pg_collation set collversion = '1' where collname = 'c'"}, level: block, says: "public.c was 1, is "},
		{id: "PG40/columns", on: "green", base: base, green: []string{"alter table public.t add extra int", `alter table public.t add "Odd one" int`}, level: engines.Info, says: `public.t (extra "Odd·one")`},
		{id: "PG40/columns", on: "green", base: base, green: []string{"alter table public.t add extra int", "alter table public.t replica identity full"}, level: block, says: "identity FULL, 1: public.t (extra)"},
		{id: "PG40", on: "blue", params: map[string]string{"green_conninfo": ""}, level: block, says: "no usable parameter green_conninfo"},
		{id: "PG40", on: "green", params: map[string]string{"blue_conninfo": "port=5 user=x dbname=y"}, level: block, says: "missing: host"},
	}
}

func roleTroubles() []trouble {
	role := "create role a_{name} login password 'x'"
	drop := []string{"drop owned by a_{name}", "drop role a_{name}"}
	list := map[string][]string{"app_roles": {"a_{name}"}}
	pg25 := func(says string, text ...string) trouble {
		return trouble{id: "PG25", on: "blue", base: []string{role}, blue: text, level: block, says: says, lists: list, undo: drop, gundo: drop}
	}
	return []trouble{
		{id: "PG25", on: "green", level: block, says: "nobody_{name} does not exist", lists: map[string][]string{"app_roles": {"nobody_{name}"}}},
		pg25("a_{name} may not log in", "alter role a_{name} nologin"),
		pg25("a_{name} may not connect", "revoke connect on database {name} from public"),
		pg25("a_{name} has CONNECTION LIMIT 0", "alter role a_{name} connection limit 0"),
		pg25("a_{name} is valid until", "alter role a_{name} valid until '2020-01-01'"),
		{id: "PG25/grants", on: "green", base: []string{role, keyed}, blue: []string{"grant select, update on public.t to a_{name}"}, green: []string{"grant select on public.t to a_{name}"},
			level: block, says: "a_{name} on public.t lacks update", lists: list, undo: drop, gundo: drop},
		{id: "PG25/owners", on: "green", blue: []string{role, "create table public.o (id int)", "alter table public.o owner to a_{name}"}, level: block, says: "missing, 1: a_{name}", undo: drop},
		{id: "PG25/password", on: "green", base: []string{role}, green: []string{"alter role a_{name} password null"}, level: block, says: "a_{name} has none", lists: list, undo: drop, gundo: drop},
	}
}

func linkTroubles() []trouble {
	pub := []string{"create publication {publication} for table public.t"}
	base := []string{keyed}
	unslot := []string{"select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = '{name}' or database = '{green}' or slot_name = 'x_{name}'"}
	return []trouble{
		{id: "PG05", on: "blue", base: append(base, pub...), blue: []string{"create table public.late (id int primary key)"}, level: block, says: "1: public.late"},
		{id: "PG05", on: "blue", base: append(base, pub...), blue: []string{"create table public.late (id int primary key)"}, level: caution, says: "1: public.late", lists: map[string][]string{"tables": {"public.t"}}},
		{id: "PG06", on: "blue", base: append(base, pub...), blue: []string{"alter publication {publication} set (publish = 'insert, update')"}, level: block, says: "2: no delete, no truncate"},
		{id: "PG06", on: "blue", base: append(base, pub...), blue: []string{"alter publication {publication} set table public.t where (id > 5)"}, level: block, says: "1: rows of public.t"},
		{id: "PG06", on: "blue", base: append(base, pub...), blue: []string{"alter publication {publication} set table public.t (id)"}, level: block, says: "1: columns of public.t"},
		{id: "PG06", on: "green", base: append(base, "create publication {rev_publication} for table public.t"), green: []string{"alter publication {rev_publication} set table public.t (id)"}, level: engines.Pass},
		{id: "PG10", on: "blue", blue: []string{"select pg_create_logical_replication_slot('x_{name}', 'test_decoding')"}, level: caution, says: "x_{name} (test_decoding, not read)", undo: unslot},
		{id: "PG10", on: "blue", blue: []string{"select pg_create_logical_replication_slot('x_{name}', 'test_decoding')"}, level: engines.Pass, lists: map[string][]string{"consumers": {"x_{name}"}}, undo: unslot},
		{id: "PG11", on: "blue", blue: []string{"select pg_create_physical_replication_slot('x_{name}')"}, level: caution, says: "physical slot x_{name}", undo: unslot},
		{id: "PG31/password", on: "blue", base: []string{"create role {repl_role} login replication"}, blue: []string{"alter role {repl_role} valid until 'tomorrow'"}, level: block, says: "{repl_role} until", undo: []string{"drop role {repl_role}"}, gundo: []string{"drop role {repl_role}"}},
		{id: "PG34", on: "blue", base: append(base, pub...), blue: []string{"create table public.child (id int primary key references public.t)"}, level: caution, says: "public.child refers to public.t"},
		{id: "PG35", on: "green", green: []string{"select pg_create_logical_replication_slot('{slot}', 'pgoutput')"}, level: block, says: "slot {slot}", gundo: unslot},
		{id: "PG35", on: "green", green: []string{"create publication {publication}"}, level: block, says: "publication {publication}"},
	}
}

func settingTroubles() []trouble {
	set := func(id string, on engines.TargetID, before engines.Level, level engines.Level, says, name, value string) trouble {
		reload := "select pg_reload_conf()"
		r := trouble{id: id, on: on, before: before, level: level, says: says}
		do, un := []string{"alter system set " + name + " = " + value, reload}, []string{"alter system reset " + name, reload}
		if on == "blue" {
			r.blue, r.undo = do, un
		} else {
			r.green, r.gundo = do, un
		}
		return r
	}
	return []trouble{
		set("PG09", "blue", engines.Info, block, "1MB", "max_slot_wal_keep_size", "'1MB'"),
		set("PG32", "blue", engines.Pass, block, "{subscription}", "synchronous_standby_names", `'FIRST 1 (other, "{subscription}")'`),
		set("PG24", "green", engines.Pass, caution, "setting bytea_output is hex on blue, escape on green", "bytea_output", "'escape'"),
		{id: "PG24", on: "green", blue: []string{"alter database {name} set search_path = app, public"}, level: caution, says: "ALTER DATABASE SET search_path is on blue only"},
		set("PG30", "green", engines.Pass, caution, "work_mem is 4096 on blue, 1024 on green", "work_mem", "'1MB'"),
		set("PG02", "green", caution, block, "free:", "max_sync_workers_per_subscription", "9"),
	}
}
