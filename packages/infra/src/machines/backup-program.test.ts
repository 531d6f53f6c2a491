import { execFileSync } from 'node:child_process';
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
}

/** A machine of the primary's whose Patroni and pgBackRest are files: what the program does there, run after run. */
function createMachine() {
  const folder = mkdtempSync(join(tmpdir(), 'pgha-backup-'));
  const file = (name: string, content: string) => writeFileSync(join(folder, name), content);
  const command = (name: string, body: string) => {
    file(name, `#!/bin/sh\n${body}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  file('backup.env', 'STANZA=pgha PATRONI_CA=/ca REPOSITORIES="2 1"\n');
  command('curl', `for url; do :; done; cat "${folder}/$(basename "$url")"`);
  command(
    'pgbackrest',
    `case "$*" in
  *--repo=[12]*info) cat "${folder}/info-$(echo "$*" | sed 's/.*--repo=\\([12]\\).*/\\1/')" ;;
  *backup) echo "$*" | sed 's/--stanza=pgha //' >>"${folder}/taken" ;;
esac`,
  );
  const moved = program
    .replace('/etc/pgha/backup.env', join(folder, 'backup.env'))
    .replace('/run/pgbackrest/ensured', join(folder, 'ensured'));
  return (type: string, { request, fulls }: World): readonly string[] => {
    file('primary', '');
    file('config', JSON.stringify({ ttl: 20, ...(request === undefined ? {} : { pgha_full_backup: request }) }));
    for (const repository of [1, 2]) {
      const backup = (fulls[repository] ?? []).map((start) => ({ type: 'full', error: false, archive: { start } }));
      file(`info-${repository}`, JSON.stringify([{ backup }]));
    }
    file('taken', '');
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
    execFileSync('sh', ['-c', moved, 'pgha-backup', type], { env, stdio: 'pipe' });
    expect(existsSync(join(folder, 'taken'))).toBe(true);
    return readFileSync(join(folder, 'taken'), 'utf8').split('\n').filter(Boolean);
  };
}

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
});
