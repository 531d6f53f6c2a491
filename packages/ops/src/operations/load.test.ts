import { defineCluster, membersOf } from '@pgha/infra/cluster';
import { describe, expect, it, vi } from 'vitest';
import { createFakeCluster, done, failed } from '../../test/model/fake-cluster.ts';
import type { History } from '../chaos/history.ts';
import { CommandTimeoutError } from '../hosts/host.ts';
import { judgeRun, readAnswering } from './load.ts';

// what is not settled is asked for again for a minute
vi.mock('node:timers/promises', () => ({ setTimeout: async () => vi.setSystemTime(Date.now() + 5_000) }));

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 }, dr: null });
const names = membersOf(cluster.primary).map(({ name }) => name);
const history: History = {
  writes: ['run-0-1', 'run-0-2'].map((key) => ({
    key,
    client: 0,
    invokedAtMs: 0,
    completedAtMs: 1,
    outcome: 'ok',
    detail: '201',
  })),
  reads: [],
};
const rows = 'run-0-1\nrun-0-2\n';

/** Members that hold both rows, but for one that answers otherwise; `deleted` gets who was told to remove them. */
function createWorld(odd: string | null = null, answer = () => failed('connection refused')) {
  vi.useFakeTimers({ toFake: ['Date'] });
  const deleted: string[] = [];
  const world = createFakeCluster(cluster, (machine, argv) => {
    const statement = argv.at(-1) ?? '';
    if (argv[0] !== 'runuser' || !statement.includes('items')) return null;
    if (machine === odd) return answer();
    if (statement.includes('delete')) deleted.push(machine);
    return done(statement.includes('select') ? rows : '');
  });
  return Object.assign(world, { deleted });
}

describe('the verdict on a load', () => {
  it('is over every member, and nothing stays behind', async () => {
    const { installation, deleted } = createWorld();
    const verdict = await judgeRun(installation, 'run', history);
    expect(verdict).toMatchObject({ isValid: true, missing: [], lost: [] });
    expect(deleted).toEqual(['pg-1']);
  });

  it.each([
    ['a member that is off', null],
    ['a server that is down', () => failed('connection refused')],
    [
      'a server that hangs',
      () => {
        throw new CommandTimeoutError('pg-3', ['psql'], 60_000);
      },
    ],
  ])('is given without %s, which is named with the reason', async (_, answer) => {
    const world = answer === null ? createWorld() : createWorld('pg-3', answer);
    if (answer === null) world.off.add('pg-3');
    const said: string[] = [];
    const verdict = await judgeRun(world.installation, 'run', history, { report: (line) => said.push(line) });
    expect(verdict).toMatchObject({ isValid: true, lost: [], counts: { ok: 2 } });
    expect(verdict.missing).toEqual([{ member: 'pg-3', why: expect.stringMatching(/off|refused|did not end within/) }]);
    expect(said.join('\n')).toContain('pg-3 cannot be read');
  });

  it('is given without the primary too: the rows stay, and that is said', async () => {
    const world = createWorld('pg-1');
    const said: string[] = [];
    const verdict = await judgeRun(world.installation, 'run', history, { report: (line) => said.push(line) });
    expect(verdict.missing.map(({ member }) => member)).toEqual(['pg-1']);
    expect(verdict.isValid).toBe(true);
    expect(said.at(-1)).toContain('the rows of run were not removed');
  });

  it('proves nothing when no member can be read', async () => {
    const world = createWorld();
    for (const name of names) world.off.add(name);
    const verdict = await judgeRun(world.installation, 'run', history, { region: cluster.primary });
    expect(verdict.isValid).toBe(false);
    expect(verdict.missing.map(({ member }) => member)).toEqual(names);
  });

  it('reads each member on its own', async () => {
    const { installation } = createWorld('pg-2');
    const hosts = membersOf(cluster.primary).map((node) => installation.host(node));
    const { reads, missing } = await readAnswering(hosts, cluster.database, 'run');
    expect(reads.map(({ member }) => member)).toEqual(['pg-1', 'pg-3']);
    expect(missing.map(({ member }) => member)).toEqual(['pg-2']);
  });
});
