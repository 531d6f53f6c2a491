import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineCluster } from '../cluster/index.ts';
import { awsSite } from './aws-site.ts';
import { renderMachine } from './render.ts';

const folder = fileURLToPath(new URL('./programs', import.meta.url));
const cluster = defineCluster({ primary: { postgres: 3 } });
const [node] = cluster.primary.nodes.filter(({ role }) => role === 'postgres');
const { files } = renderMachine(cluster, node ?? expect.fail(), awsSite(cluster, cluster.primary, '123456789012'));
const content = (path: string) => files.find((file) => file.path === path)?.content ?? expect.fail(path);
const wanted = JSON.parse(content('/etc/pgha/durability.json'));
const pooler = content('/etc/pgbouncer/pgbouncer.ini');

/** What an expression gives in the machines' own program, where `wanted` and `x` are there. */
function evaluate(expression: string, x: unknown): unknown {
  const script = `import importlib.util, json, sys
specification = importlib.util.spec_from_file_location("durability", "${folder}/pgha-durability.py")
durability = importlib.util.module_from_spec(specification)
specification.loader.exec_module(durability)
wanted, x = json.load(sys.stdin)
json.dump(${expression}, sys.stdout)`;
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(execFileSync('python3', ['-c', script], { input: JSON.stringify([wanted, x]), env }).toString());
}

const data = '/var/lib/postgresql/17/main';
const row = (name: string, value: string, file = 'postgresql.conf', line = 1, applied = true) => ({
  name,
  value,
  file: `${data}/${file}`,
  line,
  applied,
});
const inFiles = (...rows: readonly ReturnType<typeof row>[]) =>
  evaluate('durability.in_files(wanted, x)', { dataDirectory: data, files: rows }) as object[];

describe('what a file of the server undoes', () => {
  it('is nothing where Patroni alone wrote', () => {
    expect(
      inFiles(
        row('synchronous_standby_names', 'ANY 1 ("pg-2","pg-3")'),
        row('synchronous_commit', 'on'),
        row('archive_command', 'true', 'postgresql.base.conf', 1, false),
        row('archive_command', 'pgbackrest %p'),
        row('wal_level', 'logical'),
      ),
    ).toEqual([]);
  });

  it('is every line of postgresql.auto.conf for what Patroni decides, whatever it says', () => {
    for (const value of ['', 'FIRST 1 ("pg-2")']) {
      expect(
        inFiles(
          row('synchronous_standby_names', 'ANY 1 ("pg-2","pg-3")', 'postgresql.conf', 40, false),
          row('synchronous_standby_names', value, 'postgresql.auto.conf', 3),
        ),
      ).toMatchObject([{ setting: 'synchronous_standby_names', level: 'system', value, line: 3, applied: true }]);
    }
  });

  it('is a weak value, the last one said, however it is spelt', () => {
    const undoing = (setting: string, ...values: readonly string[]) =>
      evaluate('[value for value in x[1] if durability.undoes(wanted, x[0], value)]', [setting, values]);
    const off = ['off', 'OFF', 'false', 'no', 'n', '0', 'f', 'fal', 'of'];
    expect(undoing('fsync', ...off, 'on', 'TRUE', 'yes', '1', 't')).toEqual(off);
    const weak = ['off', 'local', 'remote_write', 'Remote_Write', 'false'];
    expect(undoing('synchronous_commit', ...weak, 'on', 'true', 'remote_apply')).toEqual(weak);
    expect(inFiles(row('fsync', 'on'), row('fsync', 'off', 'postgresql.auto.conf'))).toMatchObject([
      { setting: 'fsync', level: 'system', value: 'off' },
    ]);
    expect(inFiles(row('fsync', 'off'), row('fsync', 'on', 'postgresql.auto.conf'))).toEqual([]);
  });

  it('is a line that somebody added to postgresql.conf or to a file that it includes', () => {
    const byPatroni = row('synchronous_standby_names', 'ANY 1 ("pg-2","pg-3")', 'postgresql.conf', 40, false);
    expect(inFiles(byPatroni, row('synchronous_standby_names', '', 'postgresql.conf', 90))).toMatchObject([
      { level: 'file', line: 90 },
    ]);
    expect(inFiles(row('archive_command', '/bin/true', 'conf.d/mine.conf'))).toMatchObject([{ level: 'file' }]);
  });
});

describe('what else undoes it', () => {
  it('is what the server runs with and no file says, but not what a session of the superuser was told', () => {
    const server = [
      { name: 'data_checksums', value: 'off', source: 'override' },
      { name: 'full_page_writes', value: 'off', source: 'command line' },
      { name: 'synchronous_commit', value: 'off', source: 'user' },
      { name: 'fsync', value: 'on', source: 'configuration file' },
    ];
    expect(evaluate('durability.in_force(wanted, x, set())', { server })).toMatchObject([
      { setting: 'data_checksums', level: 'server' },
      { setting: 'full_page_writes', level: 'server' },
    ]);
  });

  it('is what is stored for a database, a role, both or everybody', () => {
    const options = ['synchronous_commit=off', 'work_mem=64MB', 'search_path=a=b, c'];
    const found = evaluate('durability.stored(wanted, x)', {
      stored: [
        { database: 'pgha', role: null, options },
        { database: null, role: 'app_a', options },
        { database: 'pgha', role: 'app_a', options },
        { database: null, role: null, options },
        { database: 'reports', role: null, options: ['synchronous_commit=remote_apply'] },
      ],
    });
    expect((found as { level: string; setting: string }[]).map(({ level, setting }) => [level, setting])).toEqual(
      ['database', 'role', 'role-in-database', 'all-roles'].map((level) => [level, 'synchronous_commit']),
    );
  });

  it('is a pooler that does not pin its connections', () => {
    const inPooler = (text: string) => evaluate('durability.in_pooler(wanted, x)', text);
    expect(inPooler(pooler)).toEqual([]);
    expect(inPooler(pooler.replace(/ connect_query='.*'/, ''))).toMatchObject([
      { level: 'pooler', database: 'pgha', value: 'connect_query' },
    ]);
    expect(inPooler(pooler.replace(/connect_query='.*'/, "connect_query='set synchronous_commit = off'"))).toHaveLength(
      1,
    );
    expect(inPooler(pooler.replace('_always = 1', '_always = 0'))).toMatchObject([{ value: 'server_reset_query' }]);
    expect(inPooler(pooler.replace('[pgbouncer]', 'other = host=127.0.0.1\n\n[pgbouncer]'))).toMatchObject([
      { database: 'other' },
    ]);
  });

  it('is synchronous replication that was switched off in the dynamic configuration', () => {
    const inPatroni = (dynamic: object) => evaluate('durability.in_patroni(wanted, x)', dynamic) as object[];
    const whole = { synchronous_mode: 'quorum', synchronous_mode_strict: true, synchronous_node_count: 1 };
    expect(inPatroni(whole)).toEqual([]);
    expect(inPatroni({ ...whole, synchronous_mode: true, synchronous_node_count: 2 })).toEqual([]);
    for (const off of [false, 'off', null, 'nonsense']) {
      expect(inPatroni({ ...whole, synchronous_mode: off })).toMatchObject([
        { setting: 'synchronous_mode', level: 'patroni' },
      ]);
    }
    expect(inPatroni({})).toHaveLength(3);
  });
});

describe('taking a line back', () => {
  const without = (text: string, line: number, setting: string) =>
    evaluate('durability.without_line(*x)', [text, line, setting]);

  it('removes that line and no other', () => {
    const lines = fc.array(fc.stringMatching(/^[a-z_]{1,9} = '[a-z ]{0,9}'$/), { maxLength: 5 });
    const samples = fc.sample(fc.tuple(lines, lines), 50);
    const text = (before: readonly string[], ...after: readonly string[]) =>
      [...before, ...after].map((line) => `${line}\n`).join('');
    const cases = samples.map(([before, after]) => [
      text([...before, "fsync = 'off'"], ...after),
      before.length + 1,
      'fsync',
    ]);
    expect(evaluate('[durability.without_line(*each) for each in x]', cases)).toEqual(
      samples.map(([before, after]) => text(before, ...after)),
    );
  });

  it('refuses a line that is another setting’s', () => {
    expect(() => without("work_mem = '4MB'\n", 1, 'fsync')).toThrow(/line 1 is not fsync/);
    expect(() => without('', 1, 'fsync')).toThrow(/line 1 is not fsync/);
  });
});

describe('the figure', () => {
  it('is told of the member’s own files by everybody, of what is replicated by the primary alone', () => {
    const found = [
      { setting: 'fsync', value: 'off', level: 'system', database: null, role: null, file: 'f', line: 1 },
      {
        setting: 'synchronous_commit',
        value: 'off',
        level: 'database',
        database: 'a"b',
        role: null,
        file: null,
        line: 1,
      },
    ];
    const [onPrimary, onStandby] = [false, true].map((inRecovery) =>
      evaluate('durability.render_metrics(*x)', [inRecovery, found]),
    );
    const own = 'pgha_durability_override{setting="fsync",level="system",where="postgresql.auto.conf",value="off"} 1\n';
    expect(onPrimary).toContain(own);
    expect(onPrimary).toContain('level="database",where="a\\"b",value="off"} 1\n');
    expect(onStandby).toContain(own);
    expect(onStandby).not.toContain('level="database"');
  });
});
