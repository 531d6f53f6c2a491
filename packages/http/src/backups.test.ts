import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { afterAll, describe, expect, it } from 'vitest';
import { BackupsSchema, type BackupsView, readBackups } from './backups.ts';

const dir = mkdtempSync(join(tmpdir(), 'pgha-backups-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const now = new Date('2026-01-15T12:00:00Z');
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString();
const seconds = (iso: string) => Date.parse(iso) / 1000;

const backup = (label: string, type: string, stop: string, repository: object = { size: 1_000, delta: 10 }) => ({
  label,
  type,
  timestamp: { start: seconds(stop) - 60, stop: seconds(stop) },
  info: { size: 5_000, delta: 50, repository },
});

/** As `pgbackrest info --output=json` answers. */
const stanza = (status: { code: number; message: string }, backups: object[] = []) => ({
  name: 'main',
  status,
  backup: backups,
  archive: [{ id: '17-1', min: '000000010000000000000001', max: '000000010000000000000042' }],
});
const ok = { code: 0, message: 'ok' };

async function read(content: unknown): Promise<BackupsView> {
  const path = join(dir, 'info.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  const view = await readBackups(path, now);
  // whatever it says, it says it in the shape that is documented
  expect(Value.Errors(BackupsSchema, view)).toEqual([]);
  return view;
}

describe('readBackups', () => {
  it('shows the backups, the archive and the last of each kind', async () => {
    const backups = [
      backup('20260110-000000F', 'full', '2026-01-10T00:01:00Z'),
      backup('20260110-000000F_20260111-000000D', 'diff', '2026-01-11T00:01:00Z'),
      backup('20260114-000000F', 'full', '2026-01-14T00:01:00Z'),
      backup('20260114-000000F_20260115-000000I', 'incr', '2026-01-15T00:01:00Z'),
    ];
    const view = await read({ exit: 0, at: minutesAgo(1), info: [stanza(ok, backups)] });
    expect(view).toMatchObject({
      stanza: 'main',
      status: 'ok',
      status_message: 'ok',
      wal_archive: { min_wal: '000000010000000000000001', max_wal: '000000010000000000000042' },
      last_full_backup: '2026-01-14T00:01:00.000Z',
      last_diff_backup: '2026-01-11T00:01:00.000Z',
    });
    expect(view.backups[0]).toEqual({
      label: '20260110-000000F',
      type: 'full',
      start_time: '2026-01-10T00:00:00.000Z',
      stop_time: '2026-01-10T00:01:00.000Z',
      size_bytes: 1_000,
      database_size_bytes: 5_000,
    });
  });

  it('takes the size of a bundled backup, which has no size of its own, from what it added', async () => {
    const bundled = backup('20260114-000000F', 'full', '2026-01-14T00:01:00Z', { delta: 77 });
    expect((await read({ exit: 0, at: minutesAgo(1), info: [stanza(ok, [bundled])] })).backups[0]?.size_bytes).toBe(77);
  });

  it.each([
    ['ok', { exit: 0, at: minutesAgo(9), info: [stanza(ok)] }],
    ['missing_stanza', { exit: 0, at: minutesAgo(1), info: [stanza({ code: 1, message: 'missing stanza path' })] }],
    ['missing_stanza', { exit: 0, at: minutesAgo(1), info: [] }],
    ['no_backup', { exit: 0, at: minutesAgo(1), info: [stanza({ code: 2, message: 'no valid backups' })] }],
    ['error', { exit: 0, at: minutesAgo(1), info: [stanza({ code: 99, message: 'other' })] }],
    ['error', { exit: 56, at: minutesAgo(1), info: [] }],
    ['timeout', { exit: 124, at: minutesAgo(1), info: [] }],
    ['not_installed', { exit: 127, at: minutesAgo(1), info: [] }],
    ['unavailable', { exit: 0, at: minutesAgo(11), info: [stanza(ok)] }],
    ['unavailable', { exit: 0, at: 'yesterday', info: [stanza(ok)] }],
    ['unavailable', 'no JSON'],
    ['unavailable', 'null'],
    ['unavailable', '{}'],
    ['unavailable', ''],
  ])('says %s of %j', async (status, content) => {
    expect((await read(content)).status).toBe(status);
  });

  it('says that none are configured, and that a report is missing', async () => {
    expect((await readBackups(null, now)).status).toBe('not_installed');
    expect((await readBackups(join(dir, 'absent.json'), now)).status).toBe('unavailable');
  });

  it('takes a stanza without an archive or a backup list', async () => {
    const view = await read({
      exit: 0,
      at: minutesAgo(1),
      info: [{ name: 'main', status: { code: 2, message: 'none' } }],
    });
    expect(view).toMatchObject({ backups: [], wal_archive: { min_wal: null, max_wal: null }, last_full_backup: null });
  });
});
