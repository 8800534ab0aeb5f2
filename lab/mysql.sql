-- What an application of the lab keeps on a MySQL or MariaDB blue. Each statement ends with a semicolon at the end of a line.
-- A transaction of the ledger workload adds one row to orders and one to accounts.n, whose sums are always equal.
create table digits (d int primary key);
insert into digits values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
create table accounts (id bigint primary key, balance bigint not null, n bigint not null default 0);
create table orders (id bigint auto_increment primary key, client int not null, seq bigint not null, amount decimal(12,2) not null,
  at timestamp(6) not null default current_timestamp(6), key orders_by_client (client, seq));
create table ledger (client int, seq bigint, at timestamp(6) not null default current_timestamp(6), primary key (client, seq));
create table notes (id bigint auto_increment primary key, body text not null, tags json);
insert into accounts select 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d, 1000, if(e.d = 0, 1, 0) from digits a, digits b, digits c, digits e where e.d < 5;
insert into orders (client, seq, amount) select 0, id, id % 97 + 0.25 from accounts where id <= 1000 order by id;
insert into ledger (client, seq) select 0, id from accounts where id <= 1000;
insert into notes (body, tags) select concat('note ', id), json_array(concat('t', id % 5)) from accounts where id <= 200 order by id;
drop table digits;
