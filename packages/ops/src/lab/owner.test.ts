import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RefusedError } from '../exit-codes.ts';
import type { ControlGroups } from './control-groups.ts';
import { describeOtherLab, findOwners, folderIn, refuseOtherLab } from './owner.ts';

describe('the folder of a lab', () => {
  it('stands in the command lines of its machines and load balancers, and nowhere else', () => {
    const line = (...words: string[]) => words.join('\0');
    expect(folderIn(line('systemd-nspawn', '--directory=/srv/a/lab/machines/pg-1/root'), 'pg-1')).toBe('/srv/a/lab');
    expect(folderIn(line('systemd-nspawn', '--directory=/srv/a/lab/machines/pg-2/root'), 'pg-1')).toBeNull();
    expect(folderIn(line('node', 'main.ts', '/srv/b/lab/load-balancers/dr/settings.json'), 'nlb-dr')).toBe(
      '/srv/b/lab',
    );
    expect(folderIn(line('postgres', '-D', '/var/lib/postgresql/17/main'), 'pg-1')).toBeNull();
    expect(folderIn('', 'pg-1')).toBeNull();
  });

  it('is named with the command that ends its lab', () => {
    expect(describeOtherLab('/srv/a/lab')).toContain('"PGHA_LAB_DIR=/srv/a pgha lab down"');
    expect(describeOtherLab('/var/lib/pgha-lab')).toContain('"env -u PGHA_LAB_DIR pgha lab down"');
  });
});

describe.runIf(process.platform === 'linux')('the machines that run', () => {
  let folder: string;
  let groups: ControlGroups;
  const started: ChildProcess[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pgha-owner-'));
    const tree = join(folder, 'tree');
    groups = {
      trees: [tree],
      memory: { tree, file: 'memory.max' },
      freezer: { tree, file: 'cgroup.freeze', frozen: '1', thawed: '0' },
    };
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  /** A process with the words of a machine's command line, in the machine's group. */
  async function boot(name: string, words: readonly string[]): Promise<void> {
    const child = spawn('sh', ['-c', 'sleep 600; :', ...words], { stdio: 'ignore' });
    started.push(child);
    await enter(name, [child.pid ?? 0]);
  }
  async function enter(name: string, pids: readonly number[]): Promise<void> {
    const group = join(folder, 'tree', 'pgha', name);
    await mkdir(group, { recursive: true });
    await writeFile(join(group, 'cgroup.procs'), pids.map((pid) => `${pid}\n`).join(''));
  }
  const placesOf = (name: string) => ({ root: join(folder, name, 'lab'), cache: join(folder, name, 'cache') });
  const rootOf = (lab: string, name: string) => `--directory=${join(placesOf(lab).root, 'machines', name, 'root')}`;

  it('are another lab’s when they run from another folder: that is refused, with what to do', async () => {
    await boot('pg-1', [rootOf('first', 'pg-1')]);
    await boot('aws-1', [rootOf('first', 'aws-1')]);
    expect(await findOwners(placesOf('second'), groups)).toEqual({
      foreign: new Set(['pg-1', 'aws-1']),
      otherFolder: placesOf('first').root,
    });
    await expect(refuseOtherLab(placesOf('second'), groups)).rejects.toThrow(
      `the lab in ${placesOf('first').root} is running`,
    );
    await expect(refuseOtherLab(placesOf('second'), groups)).rejects.toBeInstanceOf(RefusedError);
    await expect(refuseOtherLab(placesOf('first'), groups)).resolves.toBeUndefined();
  });

  it('are nobody else’s when a crash left only their groups, or what cannot be told', async () => {
    await enter('pg-1', []);
    await enter('pg-2', [2 ** 22 + 1]);
    await boot('pg-3', ['something else']);
    expect(await findOwners(placesOf('second'), groups)).toEqual({ foreign: new Set(), otherFolder: null });
  });

  it('are this lab’s own by whatever name its folder is called', async () => {
    await mkdir(placesOf('first').root, { recursive: true });
    await symlink(join(folder, 'first'), join(folder, 'alias'));
    await boot('pg-1', [rootOf('first', 'pg-1')]);
    await expect(refuseOtherLab(placesOf('alias'), groups)).resolves.toBeUndefined();
  });

  it('are another lab’s also when its folder was removed meanwhile', async () => {
    await boot('nlb-primary', [join(placesOf('gone').root, 'load-balancers', 'primary', 'settings.json')]);
    expect((await findOwners(placesOf('second'), groups)).otherFolder).toBe(placesOf('gone').root);
  });
});
