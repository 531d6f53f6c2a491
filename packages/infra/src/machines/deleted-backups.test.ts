import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('./programs/pgha-deleted-backups.py', import.meta.url));

/** What a function of the machines' own program answers. */
function ask(name: string, words: readonly unknown[]): unknown {
  const script = `import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("program", ${JSON.stringify(program)})
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
json.dump(getattr(program, ${JSON.stringify(name)})(*json.load(sys.stdin)), sys.stdout)`;
  const options = { input: JSON.stringify(words), env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' } };
  return JSON.parse(execFileSync('python3', ['-c', script], options).toString());
}

const [full, incremental] = ['20261120-020000F', '20261120-020000F_20261120-060000I'];
const path = 'pgha/1';
/** As `pgbackrest info --output=json` has it (2.55), of both repositories. */
const stanza = {
  name: 'pgha',
  archive: [
    {
      id: '17-1',
      min: '00000002000000000000000A',
      max: '0000000200000000000000FF',
      database: { id: 1, 'repo-key': 1 },
    },
    {
      id: '17-1',
      min: '000000010000000000000001',
      max: '0000000200000000000000FF',
      database: { id: 1, 'repo-key': 2 },
    },
  ],
  backup: [
    { label: full, timestamp: { start: 1_000, stop: 2_000 }, database: { id: 1, 'repo-key': 1 } },
    { label: incremental, timestamp: { start: 3_000, stop: 4_000 }, database: { id: 1, 'repo-key': 1 } },
    { label: '20261001-020000F', timestamp: { start: 1, stop: 2 }, database: { id: 1, 'repo-key': 2 } },
  ],
};
const needed = ask('needed_of', [stanza, 1]);
const manifests = [full, incremental].map((label) => `${path}/backup/pgha/${label}/backup.manifest`);
const judge = (markers: readonly (readonly [string, number])[], current = manifests) =>
  ask('judge', [{ markers, manifests: current }, needed, 'pgha', path]);
const nothing = { deleted: 0, first: null, firstAt: null, below: [] };
const wal = (name: string) =>
  `${path}/archive/pgha/17-1/${name.slice(0, 16)}/${name}-0123456789abcdef0123456789abcdef01234567.zst`;

describe('what was deleted of the backups', () => {
  it('is asked of the backups and the WAL that this repository has, and of no other prefix', () => {
    expect(ask('places_of', [needed, 'pgha', path])).toEqual([
      [`${path}/backup/pgha/backup.info`, ''],
      [`${path}/archive/pgha/archive.info`, ''],
      [`${path}/backup/pgha/${full}/`, ''],
      [`${path}/backup/pgha/${incremental}/`, ''],
      // WAL that expired is not listed: S3 begins behind this key
      [`${path}/archive/pgha/17-1/`, `${path}/archive/pgha/17-1/0000000200000000/00000002000000000000000A`],
    ]);
  });

  it('is an object of a backup, a WAL segment, a history file or an info file, the earliest first', () => {
    const bundle = `${path}/backup/pgha/${full}/bundle/1`;
    const history = `${path}/archive/pgha/17-1/00000002.history`;
    const info = `${path}/backup/pgha/backup.info`;
    expect(
      judge([
        [wal('00000002000000000000000A'), 5_000],
        [bundle, 4_500],
        [history, 6_000],
        [info, 7_000],
      ]),
    ).toEqual({
      deleted: 4,
      first: bundle,
      firstAt: '1970-01-01T01:15:00+00:00',
      below: [`${path}/archive/pgha/17-1/`, `${path}/backup/pgha/`, `${path}/backup/pgha/${full}/`],
    });
  });

  it('is not what pgBackRest removes: expired backups and WAL, and what a resumed backup could not use', () => {
    expect(
      judge([
        [`${path}/backup/pgha/20261101-020000F/bundle/1`, 9_000],
        [wal('000000020000000000000009'), 9_000],
        [wal('000000010000000000000FFF'), 9_000],
        [`${path}/archive/pgha/17-1/00000001.history`, 9_000],
        [`${path}/backup/pgha/backup.history/2026/${full}.manifest.zst`, 9_000],
        [`${path}/backup/pgha/${incremental}/pg_data/base/1/2.zst`, 3_500],
        // from before the repository was begun again
        [`${path}/archive/pgha/17-1/00000002.history`, 900],
      ]),
    ).toEqual(nothing);
  });

  it('is a manifest that is not there at all', () => {
    const [gone = '', ...others] = manifests;
    expect(judge([], others)).toEqual({
      deleted: 1,
      first: gone,
      firstAt: null,
      below: [`${path}/backup/pgha/${full}/`],
    });
    expect(judge([[gone, 9_000]], others)).toMatchObject({ deleted: 1, firstAt: '1970-01-01T02:30:00+00:00' });
  });

  it('is listed page by page, from where WAL begins, until there have been too many requests', () => {
    const script = `import datetime, types, json, sys
source = open(${JSON.stringify(program)}).read().replace("REQUESTS_AT_MOST = 1500", "REQUESTS_AT_MOST = 3")
program = types.ModuleType("program")
exec(compile(source, "program", "exec"), program.__dict__)
asked = []
class Client:
    def list_object_versions(self, **question):
        asked.append(question)
        page = {"DeleteMarkers": [{"Key": f"w{len(asked)}", "IsLatest": len(asked) != 1, "LastModified": datetime.datetime.fromtimestamp(9)}]}
        more = {"IsTruncated": True, "NextKeyMarker": f"w{len(asked)}", "NextVersionIdMarker": "v"}
        return page | (more if len(asked) < pages else {})
for pages in (2, 9):
    asked = []
    try:
        seen, requests = program.look(Client(), "b", [("w", "w0")])
        said = {"markers": seen["markers"], "requests": requests}
    except program.Unchecked as error:
        said = {"error": str(error)}
    print(json.dumps({**said, "asked": asked}))`;
    const lines = execFileSync('python3', ['-c', script]).toString().trim().split('\n');
    const first = { Bucket: 'b', Prefix: 'w', KeyMarker: 'w0' };
    const next = (key: string) => ({ Bucket: 'b', Prefix: 'w', KeyMarker: key, VersionIdMarker: 'v' });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { markers: [['w2', 9]], requests: 2, asked: [first, next('w1')] },
      { error: expect.stringContaining('was not looked at'), asked: [first, next('w1'), next('w2')] },
    ]);
  });

  it('is told for each repository, with when it was looked at', () => {
    const results = [
      { repository: 1, deleted: 0, checkedAt: '2026-11-28T12:00:00+00:00', expectedSince: '2026-11-01T00:00:00+00:00' },
      { repository: 2, deleted: 3, checkedAt: null, expectedSince: '2026-11-28T11:00:00+00:00' },
    ];
    const lines = String(ask('render_metrics', [results]))
      .split('\n')
      .filter((line) => /^[^#]/.test(line));
    expect(lines).toEqual([
      'pgha_backup_objects_deleted{repository="1"} 0',
      'pgha_backup_objects_deleted{repository="2"} 3',
      `pgha_backup_objects_checked_seconds{repository="1"} ${Date.parse('2026-11-28T12:00:00Z') / 1_000}`,
      `pgha_backup_objects_checked_seconds{repository="2"} ${Date.parse('2026-11-28T11:00:00Z') / 1_000}`,
    ]);
  });

  it('takes the repositories from what pgBackRest itself reads', () => {
    const text =
      '[global]\nrepo1-type=s3\nrepo1-s3-bucket=b\nrepo1-cipher-pass=a%b=c\n\n[global:restore]\nrepo11-s3-bucket=old\n';
    expect(ask('repositories_of', [text])).toEqual({ 1: { type: 's3', 's3-bucket': 'b', 'cipher-pass': 'a%b=c' } });
  });
});
