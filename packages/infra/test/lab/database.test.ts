import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allNodes, defineCluster, nodeNamed } from '../../src/cluster/index.ts';
import { renderMachine, type Site } from '../../src/machines/index.ts';
import { type DebianRoot, openDebianRoot } from './debian-root.ts';

const cluster = defineCluster({ primary: { postgres: 2 } });
const site: Site = {
  kind: 'lab',
  ssmEndpoint: null,
  s3Endpoint: null,
  extraCa: null,
  hosts: Object.fromEntries(allNodes(cluster).map(({ hostname, address }) => [hostname, address])),
  packagesPreinstalled: true,
  watchdog: 'none',
  dataDevice: null,
  artifactBucket: 'artifacts',
  backupBuckets: { primary: 'backups', dr: 'backups-dr' },
};
const machine = renderMachine(cluster, nodeNamed(cluster, 'pg-1'), site);
const onVolume = renderMachine(cluster, nodeNamed(cluster, 'pg-1'), { ...site, dataDevice: '/dev/sdf' });
const tools = [
  'etcd-server',
  'etcd-client',
  'iproute2',
  'procps',
  'shellcheck',
  'openssl',
  'e2fsprogs',
  'kmod',
  'udev',
];
const packages = [...new Set([...machine.packages, ...tools])].sort();
const logins = machine.secrets.flatMap(({ path }) => /^\/etc\/pgha\/secrets\/(\w+)$/.exec(path)?.[1] ?? []);

/** Secrets and certificates as `pgha-secrets` leaves them; the directories as systemd makes them. */
const prepare = `
export HOME=/root
unset NOTIFY_SOCKET
mkdir -p /etc/pgha/tls /etc/pgha/secrets /root/ca
rm -rf /var/lib/postgresql/17 /root/etcd
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout /root/ca/key -out /etc/pgha/tls/ca.crt 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=pgha -keyout /root/ca/pg.key -out /root/ca/csr 2>/dev/null
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,${allNodes(cluster)
  .map(({ hostname }) => `DNS:${hostname}`)
  .join(',')}\\nextendedKeyUsage=serverAuth,clientAuth\\n' >/root/ca/ext
openssl x509 -req -in /root/ca/csr -CA /etc/pgha/tls/ca.crt -CAkey /root/ca/key -days 2 -extfile /root/ca/ext -out /root/ca/pg.crt 2>/dev/null
for user in postgres haproxy prometheus; do
  install -o $user -g $user -m 0644 /root/ca/pg.crt /etc/pgha/tls/$user.crt
  install -o $user -g $user -m 0600 /root/ca/pg.key /etc/pgha/tls/$user.key
done
for login in ${logins.join(' ')}; do
  printf 'secret-%s' "$login" >/etc/pgha/secrets/$login
  case $login in *_login) printf '%s_a' "\${login%_login}" >/etc/pgha/secrets/$login ;; esac
  chown postgres /etc/pgha/secrets/$login
  chmod 0600 /etc/pgha/secrets/$login
done
echo '1 current secret-passphrase' >/etc/pgha/secrets/backup_passphrases
echo none >/etc/pgha/secrets/backup_detached
systemd-tmpfiles --create /etc/tmpfiles.d/pgha-patroni.conf /etc/tmpfiles.d/pgha-pgbackrest.conf
install -d -o postgres -g postgres /run/pgbouncer /run/pgha-guard /run/postgresql
install -d /run/haproxy
as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/var/lib/postgresql "$@"; }
# in the background: $! is then the program itself
become() { user=$1; shift; exec setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/var/lib/postgresql "$@"; }
as postgres /usr/local/lib/pgha/assemble \\
  /etc/pgha/templates/patroni-secrets.yml /etc/patroni/config/20-secrets.yml \\
  /etc/pgha/templates/userlist.txt /run/pgbouncer/userlist.txt \\
  /etc/pgha/templates/auth.ini /run/pgbouncer/auth.ini \\
  /etc/pgha/templates/guard.pgpass /run/pgbouncer/guard.pgpass
as postgres /usr/local/lib/pgha/repositories /etc/pgha/repositories.json
`;

/** One member on its own: etcd with users, Patroni, the router, the pooler and what watches them, as the units run them. */
const start = `${prepare}
ip link set lo up
for address in ${allNodes(cluster)
  .map(({ address }) => address)
  .join(' ')}; do ip address add $address/32 dev lo; done
etcd --data-dir /root/etcd --listen-client-urls https://${nodeNamed(cluster, 'etcd-1').address}:2379 --advertise-client-urls https://etcd-1.prod.pgha.internal:2379 \\
  --listen-peer-urls http://127.0.0.1:2380 --cert-file /root/ca/pg.crt --key-file /root/ca/pg.key --trusted-ca-file /etc/pgha/tls/ca.crt --client-cert-auth >/root/etcd.log 2>&1 &
export ETCDCTL_ENDPOINTS=https://etcd-1.prod.pgha.internal:2379 ETCDCTL_CACERT=/etc/pgha/tls/ca.crt ETCDCTL_CERT=/root/ca/pg.crt ETCDCTL_KEY=/root/ca/pg.key
until etcdctl endpoint health >/dev/null 2>&1; do sleep 0.2; done
{ etcdctl user add root:root; etcdctl user grant-role root root; etcdctl user add etcd_patroni_a:secret-etcd_patroni_a; etcdctl role add patroni
  etcdctl role grant-permission patroni readwrite --prefix=true /service/; etcdctl user grant-role etcd_patroni_a patroni; etcdctl auth enable; } >/dev/null
become postgres /usr/local/lib/pgha/patroni /etc/patroni/config >/root/patroni.log 2>&1 & patroni=$!
haproxy -f /etc/haproxy/haproxy.cfg -db >/root/haproxy.log 2>&1 &
become postgres pgbouncer /etc/pgbouncer/pgbouncer.ini >/root/pgbouncer.log 2>&1 & pgbouncer=$!
become postgres /usr/local/lib/pgha/guard watch >/root/guard.log 2>&1 & guard=$!
become postgres /usr/local/lib/pgha/node-check >/root/node-check.log 2>&1 &
wait_for() { tries=0; until "$@" >/dev/null 2>&1; do tries=$((tries + 1)); [ $tries -lt 150 ] || { echo "never: $*"; tail -n 5 /root/*.log; exit 9; }; sleep 0.2; done; }
patroni_says() { curl --silent --fail --cacert /etc/pgha/tls/ca.crt https://localhost:8008/$1; }
healthy() { curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:8009/; }
is_healthy() { [ "$(healthy)" = "$1" ]; }
console() { as postgres psql --no-psqlrc -h /run/pgbouncer -p 6432 -U pgbouncer pgbouncer -At -c "$1"; }
paused() { console 'show databases' | grep ^pgha | cut -d'|' -f16; }
is_paused() { [ "$(paused)" = "$1" ]; }
export PGSSLMODE=verify-full PGSSLROOTCERT=/etc/pgha/tls/ca.crt PGCONNECT_TIMEOUT=60
query() { PGPASSWORD=secret-\${4:-$1} psql --no-psqlrc -At -v VERBOSITY=terse "host=localhost port=$2 user=$1 dbname=pgha" -c "$3" 2>&1 | tail -n 1; }
passes() { PGPASSWORD=secret-app_a psql --no-psqlrc -At "host=localhost port=$1 user=app_a dbname=pgha" -c 'select 1'; }
wait_for patroni_says primary
wait_for is_healthy 200
wait_for passes 5000
wait_for passes 5001
`;

let root: DebianRoot;
beforeAll(() => {
  root = openDebianRoot(packages);
  root.write(onVolume.files);
});
afterAll(() => root.close());

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
    expect(output).toContain('a hung pooler: the pooler does not answer');
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

describe('archive-push', () => {
  it('leaves out what a timeline had when this server had already left it, and nothing else', () => {
    const { code, output } = root.run(`${prepare}
printf '#!/bin/sh\necho pushed "\${3##*/}"\n' >/usr/local/bin/pgbackrest; chmod 0755 /usr/local/bin/pgbackrest
rm -rf /root/pushing; install -d -o postgres /root/pushing; chmod 0711 /root
as postgres /usr/lib/postgresql/17/bin/initdb --auth=peer --wal-segsize=4 -D /root/pushing/data >/dev/null
as postgres /usr/lib/postgresql/17/bin/pg_resetwal -l 000000040000000000000030 /root/pushing/data >/dev/null
cd /root/pushing/data; rm pg_wal/0*
push() { PATH=/usr/local/bin:$PATH /usr/local/lib/pgha/pgbackrest-archive-push "pg_wal/$1" 2>&1 | sed 's/: not archived//; s/pgbackrest-archive-push: //'; }
echo '-- no history at all'; push 000000010000000000000010
printf '1\t0/40000D8\tno recovery target specified\n\n2\t1/70000A0\tno recovery target specified\n' >pg_wal/00000004.history
echo '-- the current timeline'; push 000000040000000000000030
echo '-- before this server left'; push 00000001000000000000000F; push 00000002000000010000001B
echo '-- where it left'; push 000000010000000000000010; push 00000002000000010000001C
echo '-- behind it'; push 000000010000000100000000
echo '-- no ancestor'; push 000000030000000000000001
echo '-- no segment'; push 00000004.history; push 000000010000000000000010.partial; push 000000010000000000000010.00000028.backup
echo '-- newer than this server knows itself to be'; touch pg_wal/00000009.history; push 000000080000000000000010`);
    expect(output.trim().split('\n')).toEqual([
      '-- no history at all',
      'pushed 000000010000000000000010',
      '-- the current timeline',
      'pushed 000000040000000000000030',
      '-- before this server left',
      'pushed 00000001000000000000000F',
      'pushed 00000002000000010000001B',
      '-- where it left',
      '000000010000000000000010 is of a timeline this server has left before its end',
      '00000002000000010000001C is of a timeline this server has left before its end',
      '-- behind it',
      '000000010000000100000000 is of a timeline this server has left before its end',
      '-- no ancestor',
      '000000030000000000000001 is of a timeline this server has left before its end',
      '-- no segment',
      'pushed 00000004.history',
      'pushed 000000010000000000000010.partial',
      'pushed 000000010000000000000010.00000028.backup',
      '-- newer than this server knows itself to be',
      'pushed 000000080000000000000010',
    ]);
    expect(code).toBe(0);
  });
});

describe('the repositories', () => {
  const describeSets = `
lines() { sed -n 's/^\\(repo[0-9]*\\)-path=\\(.*\\)/\\1 \\2/p; s/^\\[\\(.*\\)\\]/\\1:/p' "$1" | tr '\\n' ' '; echo; }
tell() {
  as postgres /usr/local/lib/pgha/repositories /etc/pgha/repositories.json
  lines /etc/pgbackrest/conf.d/repositories.conf; lines /etc/pgbackrest/every.d/repositories.conf
  . /etc/pgha/backup.env; echo "$REPOSITORIES / $OTHER_REPOSITORIES"
}
state() { printf "$1" >/etc/pgha/secrets/backup_passphrases; printf "$2" >/etc/pgha/secrets/backup_detached; }
`;

  it('archive into the current generation and the coming one, and are restored from all', () => {
    const { code, output } = root.run(`${prepare}${describeSets}
tell
state '1 current one\n2 coming two\n' none; tell
state '1 former one\n2 current two\n' none; tell
stat -c '%a %U' /etc/pgbackrest/conf.d/repositories.conf /etc/pgbackrest/every.d/repositories.conf
grep -hE '^repo12?-cipher-pass' /etc/pgbackrest/*.d/repositories.conf`);
    expect(output.trim().split('\n')).toEqual([
      'global: repo1 /pgha/1 repo2 /pgha/1 global:restore: global:archive-get: ',
      'global: repo1 /pgha/1 repo2 /pgha/1 ',
      '1 2 / ',
      'global: repo1 /pgha/1 repo2 /pgha/1 repo21 /pgha/2 repo22 /pgha/2 global:restore: global:archive-get: ',
      'global: repo1 /pgha/1 repo2 /pgha/1 repo21 /pgha/2 repo22 /pgha/2 ',
      '1 2 / ',
      'global: repo1 /pgha/2 repo2 /pgha/2 global:restore: repo11 /pgha/1 repo12 /pgha/1 global:archive-get: repo11 /pgha/1 repo12 /pgha/1 ',
      'global: repo1 /pgha/2 repo2 /pgha/2 repo11 /pgha/1 repo12 /pgha/1 ',
      '1 2 / 11 12',
      '600 postgres',
      '600 postgres',
      ...['repo1-cipher-pass=two', 'repo12-cipher-pass=one', 'repo12-cipher-pass=one'],
      ...['repo1-cipher-pass=two', 'repo12-cipher-pass=one'],
    ]);
    expect(code).toBe(0);
  });

  it('leave a detached one out of everything but restores, and end the push that began with it', () => {
    const { code, output } = root.run(`${prepare}${describeSets}
python3 - <<'y' &
import os
os.setgid(int(os.popen("id -g postgres").read())); os.setuid(int(os.popen("id -u postgres").read()))
os.execv("/usr/bin/tail", ["pgbackrest", "-f", "/dev/null", "--pid=1", "--quiet", "--", "archive-push:async", "--stanza=pgha"])
y
running=$!
until grep -q archive-push /proc/$running/cmdline; do sleep 0.1; done
state '1 current one\n' '2 detached 2026-11-25T12:00:00Z\n1 closed 2026-11-01T00:00:00Z 2026-11-02T00:00:00Z\n'
tell
wait $running || echo "ended: $?"`);
    expect(output).toContain(
      'global: repo1 /pgha/1 global:restore: repo2 /pgha/1 global:archive-get: repo2 /pgha/1 \n',
    );
    expect(output).toContain('global: repo1 /pgha/1 repo2 /pgha/1 \n1 / 2\n');
    expect(output).toContain('ended: 143');
    expect(code).toBe(0);
  });
});

describe('archive-get', () => {
  /** A pgBackRest that ends as the test says; PostgreSQL acts on nothing but the exit code. */
  const verdicts = (place: string, codes: readonly number[]) =>
    codes
      .map(
        (code) => `
mkdir -p ${place}; cd ${place}; rm -rf /run/pgbackrest/archive-get
printf '#!/bin/sh\\nexit ${code}\\n' >/usr/local/bin/pgbackrest; chmod 0755 /usr/local/bin/pgbackrest
result=0; PATH=/usr/local/bin:$PATH /usr/local/lib/pgha/archive-get 00000002.history x || result=$?
echo "${place} ${code} -> $result"`,
      )
      .join('\n');

  it('tells a recovery that ends "no such file" from everything else, and a standby to go on', () => {
    const { code, output } = root.run(`${prepare}
mkdir -p /root/standby; touch /root/standby/standby.signal
${verdicts('/root/standby', [0, 1, 103, 124])}
${verdicts('/root/recovery', [0, 1, 103, 124])}
rm /usr/local/bin/pgbackrest`);
    expect(output.trim().split('\n')).toEqual([
      '/root/standby 0 -> 0',
      '/root/standby 1 -> 1',
      '/root/standby 103 -> 1',
      '/root/standby 124 -> 1',
      '/root/recovery 0 -> 0',
      '/root/recovery 1 -> 1',
      '/root/recovery 103 -> 255',
      '/root/recovery 124 -> 255',
    ]);
    expect(code).toBe(0);
  });

  it('keeps from a standby what a former primary archived behind the point where its timeline was left', () => {
    const { code, output } = root.run(`${prepare}
rm -rf /run/pgbackrest/archive-get /root/pushing; install -d -o postgres /root/pushing; chmod 0711 /root
as postgres /usr/lib/postgresql/17/bin/initdb --auth=peer --wal-segsize=4 -D /root/pushing/data >/dev/null
cd /root/pushing/data; touch standby.signal; mkdir -p /run/pgbackrest/archive-get; touch /run/pgbackrest/archive-get/served
printf '#!/bin/sh\\nexit 0\\n' >/usr/local/bin/pgbackrest; chmod 0755 /usr/local/bin/pgbackrest
get() { result=0; PATH=/usr/local/bin:$PATH /usr/local/lib/pgha/archive-get "$1" x || result=$?; echo "$1 -> $result"; }
get 00000001000000000000000C
printf '1\\t0/3008A08\\tno recovery target specified\\n' >pg_wal/00000002.history
get 00000001000000000000000B; get 00000001000000000000000C; get 00000001000000000000000D
get 00000002000000000000000C
rm standby.signal; get 00000001000000000000000C
rm /usr/local/bin/pgbackrest`);
    expect(output.trim().split('\n')).toEqual([
      '00000001000000000000000C -> 0',
      '00000001000000000000000B -> 0',
      '00000001000000000000000C -> 1',
      '00000001000000000000000D -> 1',
      '00000002000000000000000C -> 0',
      '00000001000000000000000C -> 0',
    ]);
    expect(code).toBe(0);
  });

  it('lets a standby try pg_wal and its primary for three seconds before the archive is asked', () => {
    const { code, output } = root.run(`${prepare}
rm -rf /run/pgbackrest/archive-get /root/standby; mkdir -p /root/standby; cd /root/standby; touch standby.signal
printf '#!/bin/sh\\nexit 0\\n' >/usr/local/bin/pgbackrest; chmod 0755 /usr/local/bin/pgbackrest
get() { result=0; PATH=/usr/local/bin:$PATH /usr/local/lib/pgha/archive-get "$1" x || result=$?; echo "$2 -> $result"; }
get 000000010000000000000001 'first asked'
get 000000010000000000000001 'asked again'
get 00000002.history 'a timeline'
rm /run/pgbackrest/archive-get/served
touch -d '4 seconds ago' /run/pgbackrest/archive-get/asked/000000010000000000000001
get 000000010000000000000001 'still asked'
get 000000010000000000000002 'the next one'
rm -r /run/pgbackrest/archive-get
printf '{"standby_cluster": {"host": "pg-1"}}' >patroni.dynamic.json; get 000000010000000000000004 'in the second region'
get 00000001.history 'the first timeline'
mkdir -p pg_wal; echo history >pg_wal/00000002.history
get 00000002.history 'a timeline it knows, as a standby'
rm standby.signal; get 00000002.history 'the same at the end of a promotion'
touch recovery.signal; get 00000002.history 'the same in a recovery'; rm -r recovery.signal pg_wal`);
    expect(output.trim().split('\n')).toEqual([
      'first asked -> 1',
      'asked again -> 1',
      'a timeline -> 0',
      'still asked -> 0',
      'the next one -> 0',
      'in the second region -> 0',
      'the first timeline -> 1',
      'a timeline it knows, as a standby -> 1',
      'the same at the end of a promotion -> 1',
      'the same in a recovery -> 1',
    ]);
    expect(code).toBe(0);
  });

  it('asks the nearest repository first, the other one when that is away, and neither twice while it is away', () => {
    const { code, output } = root.run(`${prepare}
rm -rf /run/pgbackrest/archive-get; mkdir -p /root/standby; cd /root/standby; touch standby.signal
printf '{"standby_cluster": {}}' >patroni.dynamic.json
printf '#!/bin/sh\\necho "asked $2" >&2; case $2 in --repo=1) exec sleep 60 ;; esac\\n' >/usr/local/bin/pgbackrest
chmod 0755 /usr/local/bin/pgbackrest
get() { result=0; PATH=/usr/local/bin:$PATH /usr/local/lib/pgha/archive-get 000000010000000000000001 x || result=$?; echo "-> $result"; }
begin=$(date +%s); get; middle=$(date +%s); get; get; end=$(date +%s)
echo "first $((middle - begin)) s, then $((end - middle)) s"; rm patroni.dynamic.json`);
    expect(output).toMatch(
      /^asked --repo=1\nasked --repo=2\n-> 0\nasked --repo=2\n-> 0\nasked --repo=2\n-> 0\nfirst 1[0-2] s, then [0-1] s/,
    );
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
