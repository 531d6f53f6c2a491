-- The proof that a write was applied and what it was answered, committed with the write itself.
create table idempotency_records (
  key bytea primary key,
  -- null where the service made the key itself: nobody else can present it
  fingerprint bytea,
  status smallint not null,
  body text,
  etag text,
  location text,
  created_at timestamptz not null default now()
);
create index idempotency_records_created_at on idempotency_records (created_at);

-- The same proof for inserts that were grouped: one row a group, from which with the requests every answer can be made
-- again.
create table insert_groups (
  id uuid primary key,
  item_ids bigint[] not null,
  created_at timestamptz not null default now()
);
create index insert_groups_created_at on insert_groups (created_at);

grant select, insert, delete on idempotency_records, insert_groups to app;
