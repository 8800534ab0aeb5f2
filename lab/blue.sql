-- What an application of the lab keeps on blue. Run as its owner.
-- A transaction of the ledger workload adds one row to orders and one to accounts.n: their sums are always equal.
create table accounts (id bigint primary key, balance bigint not null, n bigint not null default 0);
create table orders (
  id bigserial primary key, client int not null, seq bigint not null, amount numeric(12,2) not null,
  at timestamptz not null default clock_timestamp()
);
create index orders_by_client on orders (client, seq);
create table ledger (client int, seq bigint, at timestamptz not null default clock_timestamp(), primary key (client, seq));
create table notes (id bigint generated always as identity primary key, body text not null, tags text[]);

insert into accounts select g, 1000, case when g <= 1000 then 1 else 0 end from generate_series(1, 5000) g;
insert into orders (client, seq, amount) select 0, g, g % 97 + 0.25 from generate_series(1, 1000) g;
insert into ledger (client, seq) select 0, g from generate_series(1, 1000) g;
insert into notes (body, tags) select 'note ' || g, array['t' || g % 5] from generate_series(1, 200) g;

-- Sequences as they are found in the wild: a step, one never asked, one that counts down, one whose name needs quotes.
create sequence ticket_no increment by 5;
create sequence never_asked;
create sequence countdown increment by -1 minvalue -1000000 maxvalue 1000 start 1000;
create schema "Billing";
create sequence "Billing"."Invoice No" start 40000;
create table "Billing"."Invoices" (no bigint primary key default nextval('"Billing"."Invoice No"'), total numeric(12,2) not null);
insert into "Billing"."Invoices" (total) select g * 1.5 from generate_series(1, 50) g;
select nextval('ticket_no') from generate_series(1, 25);
select nextval('countdown') from generate_series(1, 10);
