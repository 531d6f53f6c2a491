import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const program = readFileSync(new URL('./programs/pgha-backup.sh', import.meta.url), 'utf8');

interface World {
  /** What the region's promotion asks for. */
  request?: { repository: number; timeline: number };
  /** The first segment of each full backup, by repository. */
  fulls: Readonly<Record<number, readonly string[]>>;
  /** What else there is in every repository, by type and begin; a full backup without a begin is a new one. */
  taken?: readonly (readonly ['full' | 'diff' | 'incr', string])[];
  now?: string;
  /** How pgBackRest's backups end. */
  fails?: boolean;
}

/** A machine of the primary's whose Patroni and pgBackRest are files: what the program does there, run after run. */
function createMachine() {
  const folder = mkdtempSync(join(tmpdir(), 'pgha-backup-'));
  const file = (name: string, content: string) => writeFileSync(join(folder, name), content);
  const command = (name: string, body: string) => {
    file(name, `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  file('backup.env', 'STANZA=pgha PATRONI_CA=/ca REPOSITORIES="2 1" PLAN="6 120 4"\n');
  command('curl', `for url; do :; done; cat "${folder}/$(basename "$url")"`);
  command(
    'pgbackrest',
    `case "$*" in
  *--repo=[12]*info) cat "${folder}/info-$(echo "$*" | sed 's/.*--repo=\\([12]\\).*/\\1/')" ;;
  *backup) echo "$*" | sed 's/--stanza=pgha //' >>"${folder}/taken"; [ ! -e "${folder}/fails" ] ;;
esac`,
  );
  command('date', `cat "${folder}/now"`);
  const moved = program
    .replace('/etc/pgha/backup.env', join(folder, 'backup.env'))
    .replace('/run/pgbackrest/ensured', join(folder, 'ensured'))
    .replace('/run/pgbackrest/tried', join(folder, 'tried'));
  return (type: string, world: World): readonly string[] => {
    const { request, fulls, taken = [], now = '2026-11-25T12:00Z', fails = false } = world;
    file('now', seconds(now).toFixed(0));
    if (fails) file('fails', '');
    file('primary', '');
    file('config', JSON.stringify({ ttl: 20, ...(request === undefined ? {} : { pgha_full_backup: request }) }));
    for (const repository of [1, 2]) {
      const backup = (fulls[repository] ?? []).map((start) => ({ type: 'full', error: false, archive: { start } }));
      const timed = taken.map(([kind, begin]) => ({
        type: kind,
        error: false,
        archive: { start: segment(1) },
        timestamp: { start: seconds(begin) },
      }));
      file(`info-${repository}`, JSON.stringify([{ backup: [...backup, ...timed] }]));
    }
    file('taken', '');
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
    const { status } = spawnSync('sh', ['-c', moved, 'pgha-backup', type], { env, stdio: 'pipe' });
    expect(status).toBe(fails ? 1 : 0);
    expect(existsSync(join(folder, 'taken'))).toBe(true);
    return readFileSync(join(folder, 'taken'), 'utf8').split('\n').filter(Boolean);
  };
}

const seconds = (moment: string) => new Date(moment).getTime() / 1_000;
const segment = (timeline: number) => `${timeline.toString(16).toUpperCase().padStart(8, '0')}0000000000000005`;
const whole = { 1: [segment(1)], 2: [segment(1)] };

describe('the program of the backup timers', () => {
  it('takes a full backup where there is none, and looks seldom once there is one', () => {
    const run = createMachine();
    expect(run('ensure', { fulls: { 1: [segment(1)] } })).toEqual(['--repo=2 --type=full backup']);
    expect(run('ensure', { fulls: {} })).toEqual([]);
  });

  it('takes one again until a promoted region has one of its timeline, in the repository that was asked for', () => {
    const run = createMachine();
    expect(run('ensure', { fulls: whole })).toEqual([]);
    const request = { repository: 2, timeline: 10 };
    // a backup that was cut off is no backup; that all was well a moment ago does not count
    expect(run('ensure', { fulls: whole, request })).toEqual(['--repo=2 --type=full backup']);
    const again = createMachine();
    expect(again('ensure', { fulls: whole, request })).toEqual(['--repo=2 --type=full backup']);
    expect(again('incr', { fulls: whole, request })).toEqual([
      '--repo=2 --type=full backup',
      '--repo=1 --type=incr backup',
    ]);
    for (const timeline of [10, 16]) {
      expect(createMachine()('ensure', { fulls: { ...whole, 2: [segment(1), segment(timeline)] }, request })).toEqual(
        [],
      );
    }
  });

  // a Wednesday; full ones are due on Sunday at 02:00, others every four hours
  const lastFull = ['full', '2026-11-22T02:00:03Z'] as const;
  const diff = ['diff', '2026-11-25T02:00:02Z'] as const;
  it.each<[string, string, NonNullable<World['taken']>, 'full' | 'diff' | 'incr' | null]>([
    ['nothing is missed', '2026-11-25T08:00Z', [lastFull, diff, ['incr', '2026-11-25T06:00:02Z']], null],
    ['the timer has not begun yet', '2026-11-25T06:14Z', [lastFull, diff], null],
    ['an incremental one was cut off', '2026-11-25T06:16Z', [lastFull, diff], 'incr'],
    ['a differential one was cut off', '2026-11-25T02:20Z', [lastFull, ['incr', '2026-11-24T22:00:02Z']], 'diff'],
    ['both were', '2026-11-25T06:16Z', [lastFull, ['incr', '2026-11-24T22:00:02Z']], 'diff'],
    [
      'an incremental one does for no differential one',
      '2026-11-25T07:00Z',
      [lastFull, ['incr', '2026-11-25T06:01Z']],
      'diff',
    ],
    [
      'a full one was cut off',
      '2026-11-22T03:00Z',
      [
        ['full', '2026-11-15T02:00:03Z'],
        ['diff', '2026-11-21T02:00:03Z'],
      ],
      'full',
    ],
    [
      'and is missed all the week',
      '2026-11-28T03:00Z',
      [
        ['full', '2026-11-15T02:00:03Z'],
        ['diff', '2026-11-28T02:00:03Z'],
      ],
      'full',
    ],
    ['a full one between the times does for all', '2026-11-25T07:00Z', [['full', '2026-11-25T06:30Z']], null],
    [
      'before the first time of a week',
      '2026-11-29T01:59Z',
      [lastFull, ['diff', '2026-11-28T02:00:02Z'], ['incr', '2026-11-28T22:00:02Z']],
      null,
    ],
  ])('takes up what was due: %s', (_what, now, taken, type) => {
    const wanted = type === null ? [] : [2, 1].map((repository) => `--repo=${repository} --type=${type} backup`);
    expect(createMachine()('ensure', { fulls: {}, taken, now })).toEqual(wanted);
  });

  it('does not take up at once what failed a moment ago', () => {
    const run = createMachine();
    const missing: World = { fulls: {}, taken: [lastFull, diff], now: '2026-11-25T06:16Z', fails: true };
    expect(run('ensure', missing)).toEqual(['--repo=2 --type=incr backup', '--repo=1 --type=incr backup']);
    expect(run('ensure', { ...missing, fails: false })).toEqual([]);
  });
});
