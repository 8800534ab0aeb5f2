create table customer (
  id    bigint not null auto_increment primary key,
  token varchar(64) not null unique default (uuid()),
  name  varchar(200) not null
) engine = InnoDB;
set session $DEPTH$ = 10000000;
insert into customer (name)
 with recursive n (i) as (select 1 union all select i + 1 from n where i < $ROWS$)
 select elt(1 + i % 8, 'Ada Lovelace', 'Solo', 'Grace Brewster Hopper', ' leading', 'trailing ', 'two  blanks', 'Žofie Nováková', '') from n;
analyze table customer;
