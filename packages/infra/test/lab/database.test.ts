import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onVolume, openDatabaseRoot, prepare, start } from './database-root.ts';
import type { DebianRoot } from './debian-root.ts';

let root: DebianRoot;
beforeAll(() => {
  root = openDatabaseRoot();
});
afterAll(() => root.close());

/** What clients send at login: honoured, refused, or ignored because it says what the server does anyway (docs/connecting.md). */
const startupParameters: readonly [
  name: string,
  value: string,
  outcome: 'honoured' | 'refused' | { instead: string },
][] = [
  // psql sends its own beside the options, and a server takes that one too
  ['application_name', 'mine', { instead: 'psql' }],
  ['client_encoding', 'LATIN1', 'honoured'],
  ['DateStyle', 'German', 'honoured'],
  ['TimeZone', 'Asia/Tokyo', 'honoured'],
  ['standard_conforming_strings', 'off', 'honoured'],
  ['IntervalStyle', 'iso_8601', 'honoured'],
  ['extra_float_digits', '3', { instead: '1' }],
  ['search_path', 't1', 'refused'],
  ['statement_timeout', '5000', 'refused'],
  ['lock_timeout', '5000', 'refused'],
  ['idle_in_transaction_session_timeout', '5000', 'refused'],
  ['default_transaction_read_only', 'on', 'refused'],
  ['default_transaction_isolation', 'serializable', 'refused'],
  ['synchronous_commit', 'off', 'refused'],
  ['geqo', 'off', 'refused'],
  ['work_mem', '64MB', 'refused'],
  ['role', 'app', 'refused'],
  ['my.setting', '1', 'refused'],
  ['no_such_setting', '1', 'refused'],
];

describe('the files of a database machine', () => {
  it('are accepted by the programs that read them', () => {
    const { output } = root.run(`${prepare}
haproxy -c -f /etc/haproxy/haproxy.cfg
as postgres pgbackrest --stanza=pgha start 2>&1 | grep -v 'stop file does not exist' || true
as postgres pgbackrest help >/dev/null
ip link set lo up
as postgres /usr/local/lib/pgha/patroni --validate-config /etc/patroni/config`);
    // Patroni also wants to reach what the file names, and nothing runs here yet
    const complaints = output.split('\n').filter((line) => !/^(etcd3\.hosts.* is not reachable)?$/.test(line));
    expect(complaints).toEqual([]);
  });

  it('are units that systemd accepts without a word', () => {
    const units = onVolume.files.flatMap(
      ({ path }) => /^\/etc\/systemd\/system\/([^/]+?\.(?:service|timer|mount))(?:\.d\/.*)?$/.exec(path)?.[1] ?? [],
    );
    const { code, output } = root.run(
      `systemd-analyze verify --man=no --recursive-errors=no ${units.map((unit) => unit.replace('@.', '@full.')).join(' ')}`,
    );
    expect(output.trim()).toBe('');
    expect(code).toBe(0);
  });

  it('are programs that pass shellcheck and Python’s compiler', () => {
    const programs = onVolume.files.filter(({ program }) => program !== undefined);
    root.write(programs.map((file) => ({ ...file, path: `/root/programs/${file.program}` })));
    const { code, output } = root.run(`
      shellcheck /root/programs/*.sh
      python3 -W error -m py_compile /root/programs/*.py`);
    expect(output).toBe('');
    expect(code).toBe(0);
  });

  it('refuse a secret that would need quoting', () => {
    const { code, output } = root.run(`
mkdir -p /etc/pgha/secrets; printf 'two words' >/etc/pgha/secrets/odd
printf 'password: {{/etc/pgha/secrets/odd}}' >/root/template
/usr/local/lib/pgha/assemble /root/template /root/output`);
    expect(output).toContain('/etc/pgha/secrets/odd holds a character outside');
    expect(code).toBe(1);
  });
});

describe('a first member', () => {
  it('starts, and admits every login by the way it is meant to come, and no other', () => {
    const { code, output } = root.run(`${start}
echo "checksums: $(as postgres psql --no-psqlrc -At -d pgha -c 'show data_checksums')"
echo "broken rules: $(as postgres psql --no-psqlrc -At -d pgha -c 'select count(*) from pg_hba_file_rules where error is not null')"
echo "broken settings: $(as postgres psql --no-psqlrc -At -d pgha -c 'select count(*) from pg_file_settings where error is not null')"
for port in 5000 5001 6432; do echo "app $port: $(query app_a $port "select current_user, current_setting('statement_timeout')")"; done
echo "owner: $(query pgha_owner 6432 'create table mine (id int); drop table mine' owner)"
echo "reader writes: $(query readonly_a 5001 'create table theirs (id int)')"
echo "app makes tables: $(query app_a 6432 'create table theirs (id int)')"
echo "app reads verifiers: $(query app_a 6432 "select pgbouncer.get_auth('app_b')")"
echo "wrong password: $(PGPASSWORD=wrong psql -At 'host=localhost port=6432 user=app_a dbname=pgha' -c 'select 1' 2>&1 | tail -n 1)"
echo "pooler without TLS: $(PGSSLMODE=disable query app_a 6432 'select 1')"
echo "server without TLS: $(PGSSLMODE=disable query app_a 5000 'select 1')"
echo "superuser over the network: $(PGPASSWORD=x psql -At 'host=localhost port=5000 user=postgres dbname=postgres' -c 'select 1' 2>&1 | tail -n 1)"
echo "replication without a certificate: $(PGPASSWORD=secret-replication_b psql -At 'host=localhost port=5432 user=replication_b dbname=pgha replication=true' -c 'select 1' 2>&1 | tail -n 1)"
echo "backup: $(as postgres psql --no-psqlrc -At -U backup pgha -c "select current_user, pg_switch_wal() is not null")"
echo "exporter: $(as prometheus psql --no-psqlrc -At -h /var/run/postgresql -U monitoring pgha -c 'select current_user')"
echo "changed by patronictl without a certificate: $(curl --silent --cacert /etc/pgha/tls/ca.crt --user patroni:secret-patroni_rest -X POST https://localhost:8008/reload)"
as postgres /usr/local/lib/pgha/database-roles
printf changed >/etc/pgha/secrets/app_b
as postgres /usr/local/lib/pgha/database-roles
echo "new password: $(PGPASSWORD=changed psql -At 'host=localhost port=6432 user=app_b dbname=pgha' -c 'select current_user')"
grep -r 'secret-' /root/*.log && echo 'a secret is in a log' || true
`);
    expect(output).toContain('checksums: on');
    expect(output).toContain('broken rules: 0');
    expect(output).toContain('broken settings: 0');
    for (const port of [5000, 5001, 6432]) expect(output).toContain(`app ${port}: app_a|15s`);
    expect(output).toContain('reader writes: ERROR:  cannot execute CREATE TABLE in a read-only transaction');
    expect(output).toContain('app makes tables: ERROR:  permission denied for schema public');
    expect(output).toContain('owner: DROP TABLE');
    expect(output).toContain('app reads verifiers: ERROR:  permission denied for schema pgbouncer');
    expect(output).toMatch(/wrong password: .*authentication failed/);
    expect(output).toMatch(/pooler without TLS: .*SSL required/);
    expect(output).toMatch(/server without TLS: .*no pg_hba.conf entry .* no encryption/);
    expect(output).toMatch(/superuser over the network: .*no pg_hba.conf entry/);
    expect(output).toMatch(/replication without a certificate: .*requires a valid client certificate/);
    expect(output).toContain('exporter: monitoring');
    expect(output).toContain('backup: backup|t');
    expect(output).toContain('changed by patronictl without a certificate: client certificate required');
    expect(output).toContain('roles are up to date; new passwords: none');
    expect(output).toContain('roles are up to date; new passwords: app_b');
    expect(output).toContain('new password: app_b');
    expect(output).not.toContain('a secret is in a log');
    expect(code).toBe(0);
  });

  it('honours or refuses every startup parameter of a pooled client, and never drops one that says something', () => {
    const { code, output } = root.run(`${start}
cat >/root/login.py <<'PYTHON'
import socket, struct, sys
name, value = sys.argv[1:]
# the first message of protocol 3.0; what is refused is refused before the password is asked for
body = b"".join(text.encode() + b"\\0" for text in ("user", "app_a", "database", "pgha", name, value)) + b"\\0"
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect("/run/pgbouncer/.s.PGSQL.6432")
    connection.sendall(struct.pack("!II", len(body) + 8, 3 << 16) + body)
    kind, length = struct.unpack("!cI", connection.recv(5, socket.MSG_WAITALL))
    text = connection.recv(length - 4, socket.MSG_WAITALL)
print("accepted" if kind == b"R" else next(part[1:].decode() for part in text.split(b"\\0") if part[:1] == b"M"))
PYTHON
query pgha_owner 6432 'create schema t1; create table t1.rows (id int); create table public.rows (id int)' owner
${startupParameters
  .map(
    ([name, value]) => `echo "${name}=${value} alone: $(python3 /root/login.py '${name}' '${value}')"
echo "${name}=${value} in options: $(PGOPTIONS='-c ${name}=${value}' query app_a 6432 "select current_setting('${name}')")"`,
  )
  .join('\n')}
PGOPTIONS='-c search_path=t1' query pgha_owner 6432 'insert into rows values (1)' owner
echo "rows anywhere: $(query pgha_owner 6432 'select (select count(*) from t1.rows) + (select count(*) from public.rows)' owner)"
echo "unpooled: $(PGOPTIONS='-c search_path=t1' query pgha_owner 5000 'show search_path' owner)"
echo "replication: $(PGPASSWORD=secret-app_a psql --no-psqlrc -At "host=localhost port=6432 user=app_a dbname=pgha replication=database" -c "IDENTIFY_SYSTEM" 2>&1 | grep -c -E "FATAL|ERROR")"
echo "two in turn: $(PGOPTIONS='-c TimeZone=Asia/Tokyo' query app_a 6432 'show timezone') $(query app_a 6432 'show timezone')"
`);
    for (const [name, value, outcome] of startupParameters) {
      const alone = outcome === 'refused' ? `unsupported startup parameter: ${name}` : 'accepted';
      expect(output).toContain(`${name}=${value} alone: ${alone}\n`);
      const inOptions = new RegExp(
        outcome === 'honoured'
          ? `^${name}=${value} in options: .*${value}`
          : outcome === 'refused'
            ? `^${name}=${value} in options: .*FATAL: +unsupported startup parameter in options: ${name}$`
            : `^${name}=${value} in options: ${outcome.instead}$`,
        'm',
      );
      expect(output).toMatch(inOptions);
    }
    expect(output).toContain('rows anywhere: 0');
    expect(output).toContain('unpooled: t1');
    // PgBouncer hands it on, and no login that it admits may replicate
    expect(output).toMatch(/^replication: [1-9]/m);
    expect(output).toContain('two in turn: Asia/Tokyo UTC');
    expect(code).toBe(0);
  });

  it('gives 53400 to a statement whose temporary files would fill the volume, and lets the owner raise the limit', () => {
    const { code, output } = root.run(`${start}
echo "configured: $(as postgres psql --no-psqlrc -At -d pgha -c 'show temp_file_limit')"
lower="set temp_file_limit = '8MB'; set work_mem = '1MB'; set max_parallel_workers_per_gather = 0"
sort='select count(*) from (select n from generate_series(1, 2000000) as n order by md5(n::text)) as sorted'
echo "above it: $(PGPASSWORD=secret-owner psql --no-psqlrc -At -v VERBOSITY=verbose "host=localhost port=5000 user=pgha_owner dbname=pgha" -c "$lower" -c "$sort" 2>&1 | grep ERROR)"
echo "the next: $(query pgha_owner 5000 'select 1' owner)"
echo "app raises it: $(query app_a 5000 "set temp_file_limit = '1TB'")"
echo "owner raises it: $(query pgha_owner 5000 "set temp_file_limit = '1TB'" owner)"
`);
    expect(output).toContain('configured: 1GB');
    expect(output).toMatch(/above it: ERROR: {2}53400: temporary file size exceeds "?temp_file_limit"?/);
    expect(output).toContain('the next: 1');
    expect(output).toMatch(/app raises it: .*permission denied to set parameter "temp_file_limit"/);
    expect(output).toContain('owner raises it: SET');
    expect(code).toBe(0);
  });

  it('keeps pooled clients waiting while there is no primary, and lets go when the guard is gone', () => {
    const { code, output } = root.run(`${start}
kill -STOP $patroni
kill -9 "$(head -n 1 /var/lib/postgresql/17/main/postmaster.pid)"
kill -9 $patroni
wait_for is_paused 1
echo "health while there is no primary: $(healthy)"
( echo "waited: $(query app_a 6432 'select 1')" ) & client=$!
become postgres /usr/local/lib/pgha/patroni /etc/patroni/config >>/root/patroni.log 2>&1 & patroni=$!
wait $client
wait_for is_paused 0
kill -9 $patroni
wait_for is_paused 1
kill -9 $guard
as postgres /usr/local/lib/pgha/guard resume
echo "after the guard: $(paused)"
kill -STOP $pgbouncer
wait_for is_healthy 503
echo "a hung pooler: $(curl --silent http://127.0.0.1:8009/)"
kill -CONT $pgbouncer
wait_for is_healthy 200
`);
    expect(output).toContain('health while there is no primary: 200');
    expect(output).toContain('waited: 1');
    expect(output).toContain('after the guard: 0');
    expect(output).toContain('a hung pooler: PgBouncer is not responding');
    expect(code).toBe(0);
  });

  it('beats while it is the primary', () => {
    const { code, output } = root.run(`${start}
become postgres psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname=pgha --file=/usr/local/lib/pgha/heartbeat.sql >/dev/null &
beat() { as postgres psql --no-psqlrc -At -d pgha -c 'select beaten_at from heartbeat.beat'; }
beaten() { [ -n "$(beat)" ]; }
wait_for beaten
first=$(beat)
again() { [ "$(beat)" != "$first" ]; }
wait_for again
echo beats`);
    expect(output).toContain('beats');
    expect(code).toBe(0);
  });
});

describe('make-file-system', () => {
  it('formats an empty device once, and never one that holds anything', () => {
    const { code, output } = root.run(`
truncate -s 64M /root/empty /root/other
printf 'not a file system' | dd of=/root/other bs=1 seek=1080 conv=notrunc 2>/dev/null
mkfs.ext4 -q -L theirs /root/other
make() { sed 's/-b "$device"/-e "$device"/' /usr/local/lib/pgha/make-file-system >/root/make; sh /root/make "$1" 2>&1; }
make /root/empty; blkid --probe --match-tag UUID --output value /root/empty >/root/first
make /root/empty; blkid --probe --match-tag UUID --output value /root/empty >/root/second
cmp /root/first /root/second && echo 'made once'
make /root/other; blkid --probe --match-tag LABEL --output value /root/other`);
    expect(output).toContain('made once');
    expect(output).toContain('theirs');
    expect(code).toBe(0);
  });
});
