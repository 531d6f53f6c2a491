import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeCluster, type FakeCluster } from '../../../test/model/fake-cluster.ts';
import { killedAtEveryStep, runWhole } from '../../../test/model/interruptions.ts';
import { RefusedError } from '../../exit-codes.ts';
import { runChecked } from '../../hosts/host.ts';
import { hostsOf } from '../../installation/installation.ts';
import { runSteps, type Step } from '../../step.ts';
import { switchover } from '../switchover.ts';
import { lockKey } from './lock.ts';
import type { Operation } from './operation.ts';
import { unfinishedKey } from './record.ts';
import { execute } from './run.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { postgres: 3 } });
const { primary, dr } = cluster;
if (dr === null) throw new Error('two regions');

const storedIn = (world: FakeCluster, kind: 'primary' | 'dr' = 'primary') =>
  world.regions.get(kind)?.etcd.stored ?? expect.fail('no region');
const recordIn = (world: FakeCluster, kind: 'primary' | 'dr' = 'primary') => {
  const value = storedIn(world, kind).get(unfinishedKey)?.value;
  return value === undefined ? null : JSON.parse(decodeURIComponent(value));
};
/** As the release before stored it. */
const leaveUnfinished = (world: FakeCluster, doing: string, choices: Record<string, string>) => {
  const record = { doing, operator: 'ana', since: '2026-01-01T00:00:00.000Z', choices };
  storedIn(world).set(unfinishedKey, { value: encodeURIComponent(JSON.stringify(record)), revision: 1, lease: null });
};

/** Says hello on every database node of both regions, to a name that is chosen once. */
function greeting(name: () => string, disturb: (context: { step: number }) => void = () => undefined) {
  const operation: Operation<null, 'name', { greeted: readonly string[]; code: string | null }> = {
    observe: async () => null,
    commandLine: () => 'greet',
    guard: () => ({ kind: 'exclusive', regions: [primary, dr ?? primary] }),
    question: () => 'Greet every node?',
    choices: { name },
    plan: ({ installation, outputOf, keep, kept }, _view, choices) => {
      const hosts = [...hostsOf(installation, primary, 'postgres'), ...hostsOf(installation, dr ?? primary, 'standby')];
      const steps = hosts.map(
        (host, index): Step<string> => ({
          title: `Greet ${host.name}`,
          run: async () => {
            disturb({ step: index });
            await runChecked(host, ['runuser', 'hello', choices.name]);
            return host.name;
          },
        }),
      );
      const code = { title: 'Find a code', run: () => keep('code', `code for ${choices.name}`) };
      return {
        steps: [...steps, code],
        result: () => ({ greeted: steps.flatMap((step) => outputOf(step) ?? []), code: kept('code') }),
      };
    },
  };
  return operation;
}

const greetings = (world: FakeCluster) => world.commands.filter((command) => command.includes('hello'));

describe('an operation', () => {
  it('ends with what its steps returned, and leaves nothing behind but its audit log entries', async () => {
    const world = createFakeCluster(cluster);
    expect(
      await runWhole(
        greeting(() => 'ana'),
        world,
      ),
    ).toEqual({
      greeted: ['pg-1', 'pg-2', 'pg-3', 'dr-pg-1'],
      code: 'code for ana',
    });
    for (const kind of ['primary', 'dr'] as const) {
      expect(storedIn(world, kind).has(lockKey)).toBe(false);
      expect(recordIn(world, kind)).toBeNull();
    }
    const audited = world.commands.filter((command) => command.includes('"doing":"greet"'));
    expect(audited.map((line) => /"result":"(\w+)"/.exec(line)?.[1]).filter((each) => each !== 'started')).toEqual(
      Array.from({ length: 4 }, () => 'done'),
    );
  });

  it('comes to the same end wherever it is killed', async () => {
    const places = await killedAtEveryStep(
      () => greeting(() => 'ana'),
      () => createFakeCluster(cluster),
      (world) => new Set(greetings(world)),
    );
    expect(places).toBeGreaterThan(20);
  });

  it('chooses once, however often it is interrupted', async () => {
    const world = createFakeCluster(cluster);
    const names = ['ana', 'ben'];
    const interrupted = greeting(
      () => names.shift() ?? '',
      ({ step }) => {
        if (step === 1 && names.length === 1) throw new Error('interrupted');
      },
    );
    await expect(runWhole(interrupted, world)).rejects.toThrow('interrupted');
    expect(recordIn(world)).toMatchObject({ doing: 'greet', operator: 'tester', choices: { name: 'ana' } });
    expect(recordIn(world, 'dr')).toMatchObject({ doing: 'greet', choices: { name: 'ana' } });
    await runWhole(
      greeting(() => 'ben'),
      world,
    );
    expect(greetings(world).every((command) => command.endsWith('hello ana'))).toBe(true);
  });

  it('that is refused in its first run leaves no record; in a later one it keeps it', async () => {
    const world = createFakeCluster(cluster);
    const refuse = () => {
      throw new RefusedError('not now');
    };
    await expect(
      runWhole(
        greeting(() => 'ana', refuse),
        world,
      ),
    ).rejects.toThrow('not now');
    expect(recordIn(world)).toBeNull();
    leaveUnfinished(world, 'greet', { name: 'ana' });
    await expect(
      runWhole(
        greeting(() => 'ana', refuse),
        world,
      ),
    ).rejects.toThrow('not now');
    expect(recordIn(world)).toMatchObject({ choices: { name: 'ana' } });
  });

  it('changes nothing when the operator does not agree, and when it is only shown', async () => {
    const world = createFakeCluster(cluster);
    const agree = async (question: string) => {
      throw new RefusedError(question);
    };
    const perform = runSteps();
    const asked = execute(
      greeting(() => 'ana'),
      world.installation,
      { perform, agree },
    );
    await expect(asked).rejects.toThrow('Greet every node?');
    const shown: string[] = [];
    await execute(
      greeting(() => 'ana'),
      world.installation,
      {
        perform,
        preview: (steps) => void shown.push(...steps.map(({ title }) => title)),
      },
    );
    expect(shown).toEqual(['Greet pg-1', 'Greet pg-2', 'Greet pg-3', 'Greet dr-pg-1', 'Find a code']);
    expect(world.commands).toEqual([]);
  });
});

describe('an operation that the release before left unfinished', () => {
  it('is resumed with its choices by the same command', async () => {
    const world = createFakeCluster(cluster);
    leaveUnfinished(world, 'switchover', { to: 'pg-3' });
    expect(await runWhole(switchover(null), world)).toEqual({ from: 'pg-1', to: 'pg-3' });
    expect(recordIn(world)).toBeNull();
  });

  it('keeps what it found out and makes the choices that it had not come to', async () => {
    const world = createFakeCluster(cluster);
    leaveUnfinished(world, 'greet', { code: 'found before' });
    expect(
      await runWhole(
        greeting(() => 'ben'),
        world,
      ),
    ).toMatchObject({ code: 'found before' });
    expect(greetings(world).every((command) => command.endsWith('hello ben'))).toBe(true);
  });

  it('is named to whoever runs another command, which changes nothing', async () => {
    const world = createFakeCluster(cluster);
    leaveUnfinished(world, 'nodes replace pg-2', { machine: 'abc' });
    await expect(runWhole(switchover(null), world)).rejects.toThrow(
      'an earlier operation was interrupted: "pgha nodes replace pg-2", started by ana at 2026-01-01T00:00:00.000Z',
    );
    expect(world.commands.some((command) => command.includes('switchover pgha'))).toBe(false);
    expect(recordIn(world)).toMatchObject({ doing: 'nodes replace pg-2' });
  });
});
