import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabaseRoot, prepare } from './database-root.ts';
import type { DebianRoot } from './debian-root.ts';

let root: DebianRoot;
beforeAll(() => {
  root = openDatabaseRoot();
});
afterAll(() => root.close());

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
