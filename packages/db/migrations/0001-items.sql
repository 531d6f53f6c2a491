create table items (
  id bigint generated always as identity primary key,
  name text not null constraint items_name_length check (char_length(name) between 1 and 255),
  description text constraint items_description_length check (char_length(description) <= 1000),
  price numeric(12, 2) not null constraint items_price_not_negative check (price >= 0),
  is_active boolean not null default true,
  created_at timestamptz not null,
  -- strictly increasing for a row, so that it serves as the version behind the ETag
  updated_at timestamptz not null
);

-- pages of active items only
create index items_active on items (id) where is_active;

grant select on items to readonly, app;
grant insert, update, delete on items to app;
grant usage on sequence items_id_seq to app;

-- the services run with less than the owner, and still check the version at start
grant select on schema_migrations to readonly, app;
