-- Roles and the machines' own schemas; may run again at any time. Passwords are set by the program that runs this.
do $$
declare
  wanted record;
begin
  for wanted in
    select * from (values
      ('app', 'nologin'),
      ('readonly', 'nologin'),
      ('heartbeat', 'nologin'),
      -- two logins a role: one is in use while the other one's password is changed
      ('app_a', 'login'),
      ('app_b', 'login'),
      ('readonly_a', 'login'),
      ('readonly_b', 'login'),
      ('monitoring', 'login'),
      ('backup', 'login'),
      ('pgbouncer_auth', 'nologin'),
      ('pgbouncer_auth_a', 'login'),
      ('pgbouncer_auth_b', 'login'),
      ('replication_a', 'login replication'),
      ('replication_b', 'login replication'),
      ('rewind', 'nologin'),
      ('rewind_a', 'login'),
      ('rewind_b', 'login'),
      -- reads and locks every table, but only within the functions of its schema
      ('restore_comparison', 'nologin bypassrls')
    ) as role (name, kind)
  loop
    if not exists (select from pg_roles where rolname = wanted.name) then
      execute format('create role %I %s', wanted.name, wanted.kind);
    end if;
  end loop;
end
$$;

grant app to app_a, app_b;
grant readonly to readonly_a, readonly_b;
grant pgbouncer_auth to pgbouncer_auth_a, pgbouncer_auth_b;
grant rewind to rewind_a, rewind_b;
grant pg_read_all_data, pg_maintain to restore_comparison;
grant pg_monitor to monitoring;
grant pg_read_all_stats to app, readonly;
grant pg_use_reserved_connections to monitoring, backup, pgbouncer_auth;
grant pg_read_all_settings, pg_checkpoint to backup;
grant execute on function pg_backup_start(text, boolean) to backup;
grant execute on function pg_backup_stop(boolean) to backup;
grant execute on function pg_switch_wal() to backup;
grant execute on function pg_create_restore_point(text) to backup;

-- as settings of the roles: PgBouncer refuses them as startup parameters
do $$
declare
  login text;
begin
  foreach login in array array['app_a', 'app_b', 'readonly_a', 'readonly_b'] loop
    execute format('alter role %I set statement_timeout = %L', login, '15s');
    execute format('alter role %I set lock_timeout = %L', login, '5s');
    execute format('alter role %I set idle_in_transaction_session_timeout = %L', login, '10s');
  end loop;
  foreach login in array array['readonly_a', 'readonly_b'] loop
    execute format('alter role %I set default_transaction_read_only = on', login);
  end loop;
  execute 'alter role monitoring set statement_timeout = ''10s''';
  foreach login in array array['pgbouncer_auth_a', 'pgbouncer_auth_b'] loop
    execute format('alter role %I set statement_timeout = %L', login, '5s');
  end loop;
end
$$;

do $$
begin
  execute format('revoke all on database %I from public', current_database());
  execute format(
    'grant connect on database %I to app, readonly, monitoring, backup, pgbouncer_auth, heartbeat', current_database()
  );
end
$$;
-- a migration that builds a large index may need more than other statements may have
do $$
begin
  execute format(
    'grant set on parameter temp_file_limit to %I',
    (select pg_get_userbyid(datdba) from pg_database where datname = current_database())
  );
end
$$;
revoke all on schema public from public;
grant usage on schema public to app, readonly;

create extension if not exists pg_stat_statements;

-- The pooler asks for the verifier of a login that may use it, and for no other.
create schema if not exists pgbouncer;
revoke all on schema pgbouncer from public;
grant usage on schema pgbouncer to pgbouncer_auth;
create or replace function pgbouncer.get_auth(login text)
returns table (username text, verifier text)
language sql stable security definer
set search_path = pg_catalog
as $$
  select rolname::text, rolpassword
  from pg_authid
  where rolname = login
    and rolcanlogin and not rolsuper and not rolreplication
    and (rolvaliduntil is null or rolvaliduntil > now())
    and (
      pg_has_role(oid, 'app', 'member') or pg_has_role(oid, 'readonly', 'member')
      or oid = (select datdba from pg_database where datname = current_database())
    )
$$;
revoke all on function pgbouncer.get_auth(text) from public;
grant execute on function pgbouncer.get_auth(text) to pgbouncer_auth;

create schema if not exists heartbeat;
create table if not exists heartbeat.beat (
  only_row boolean primary key check (only_row),
  beaten_at timestamptz not null
) with (fillfactor = 20);
grant usage on schema heartbeat to heartbeat, monitoring, readonly;
grant select, insert, update on heartbeat.beat to heartbeat;
grant select on heartbeat.beat to monitoring, readonly;

-- A restored backup is compared table by table, whoever owns a table and whatever its policies hide from the one who asks: by the
-- number of rows and a sum over them, which tell nothing of a row.
create schema if not exists restore_comparison;
revoke all on schema restore_comparison from public;

-- Ends with the transaction that calls it; writers wait meanwhile.
create or replace function restore_comparison.lock_tables()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  names text;
begin
  select string_agg(format('%I.%I', nspname, relname), ', ' order by nspname, relname) into names
  from pg_class join pg_namespace on pg_namespace.oid = relnamespace
  where relkind = 'r' and relpersistence = 'p' and nspname !~ '^pg_'
    and nspname not in ('information_schema', 'heartbeat', 'pgbouncer');
  if names is not null then
    execute 'lock table ' || names || ' in share mode';
  end if;
end
$$;

-- The sum of a 64-bit hash of each row's text, which is the same in any order and wherever it is written.
create or replace function restore_comparison.count_rows(wanted regclass, out counted bigint, out total text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set row_security = off
set datestyle = 'ISO, YMD'
set intervalstyle = 'postgres'
set timezone = 'UTC'
set extra_float_digits = 1
set bytea_output = 'hex'
set lc_monetary = 'C'
set constraint_exclusion = off
as $$
begin
  if exists (
    select from pg_class where oid = wanted and (relkind <> 'r' or relnamespace::regnamespace::text ~ '^(pg_|information_schema$)')
  ) then
    raise exception '% is not a table of an application', wanted;
  end if;
  -- The planner evaluates what an index or a statistics object calls with constants: nobody's function may run as this role.
  if exists (
    select from pg_depend
    left join pg_proc on refclassid = 'pg_proc'::regclass and pg_proc.oid = refobjid
    left join pg_operator on refclassid = 'pg_operator'::regclass and pg_operator.oid = refobjid
    join pg_roles on pg_roles.oid = coalesce(proowner, oprowner)
    where not rolsuper and (
      classid = 'pg_class'::regclass and objid in (select indexrelid from pg_index where indrelid = wanted)
      or classid = 'pg_statistic_ext'::regclass and objid in (select oid from pg_statistic_ext where stxrelid = wanted)
    )
  ) then
    raise exception using errcode = 'feature_not_supported', message = format('an index of %s calls a function of a role', wanted);
  end if;
  -- a row of columns, not the table's own type: its owner may have made a cast of that to text
  execute format(
    'select count(*), coalesce(sum(hashtextextended(row(pgha_table.*)::text, 0)::numeric), 0)::text from only %s as pgha_table',
    wanted
  ) into counted, total;
end
$$;

do $$
declare
  asking text := (select rolname from pg_roles join pg_database on datdba = pg_roles.oid where datname = current_database());
  program text;
begin
  execute format('grant usage on schema restore_comparison to %I', asking);
  foreach program in array array['restore_comparison.lock_tables()', 'restore_comparison.count_rows(regclass)'] loop
    execute format('alter function %s owner to restore_comparison', program);
    execute format('revoke all on function %s from public', program);
    execute format('grant execute on function %s to %I', program, asking);
  end loop;
end
$$;
