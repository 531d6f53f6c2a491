import { membersOf } from '@pgha/infra/cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { failoverSuite } from './failover.ts';
import { ask, leaderOf, patroniOf, pgha, pghaWith, provideLab, type RunningLab } from './running-lab.ts';
import { expectWhole, underLoad } from './under-load.ts';

/** What the configuration makes when nothing is said: two nodes, of which either goes on alone. */
let lab: RunningLab;
beforeAll(async () => {
  lab = await provideLab({ nodes: 2, dr: 'none' });
});
afterAll(() => lab?.end());

describe('a lab of two nodes', () => {
  it('has a synchronous standby, and says where everything is', async () => {
    const { members } = await patroniOf(lab, lab.cluster.primary);
    expect(members.map(({ role }) => role).sort()).toEqual(['leader', 'sync_standby']);
    const shown = await pgha('lab', 'status');
    for (const { name } of membersOf(lab.cluster.primary))
      expect(shown).toMatch(new RegExp(`^${name} .* running `, 'm'));
    expect(shown).toMatch(/^write API +https:\/\/\S+:8000$/m);
    expect(shown).toMatch(/^read-only +postgresql:\/\/\S+:5433\/pgha\?sslmode=verify-full$/m);
  });

  it('goes on alone when its replica loses power, and is synchronous again when it is back', async () => {
    const leader = await leaderOf(lab);
    const [replica = expect.fail('no replica')] = membersOf(lab.cluster.primary).filter(({ name }) => name !== leader);
    const { verdict } = await underLoad(lab, 'the replica loses power', async () => {
      await pgha('lab', 'stop', replica.name, '--power-cut');
      // returns when it is committed, and no standby is there to confirm it
      await ask(lab, leader, 'create table written_alone (id int)');
      await pgha('lab', 'start', replica.name);
      await waitForAllMembers(lab.cluster, lab.access.ca);
    });
    expectWhole(verdict, 60_000);
    expect(await leaderOf(lab)).toBe(leader);
    const found = await ask(lab, replica.name, "select count(*) from pg_class where relname = 'written_alone'");
    expect(found).toBe('1');
    await ask(lab, leader, 'drop table written_alone');
  });
});

/** Run Command's round trip, and one attempt in ten throttled. */
const remote = { PGHA_LAB_LATENCY_MS: '1500', PGHA_LAB_THROTTLED: '0.1' };

describe('a lab whose hosts answer as slowly as remote ones', () => {
  it('is asked for its state', async () => {
    expect(await pghaWith(remote, 'status', '--lab').catch(({ stdout }: { stdout: string }) => stdout)).not.toMatch(
      /unreachable:|did not respond/,
    );
  });

  it('switches over without a failed request', async () => {
    const leader = await leaderOf(lab);
    const { verdict } = await underLoad(lab, 'a switchover with slow hosts', async () => {
      await pghaWith(remote, 'switchover', '--lab');
      await waitForAllMembers(lab.cluster, lab.access.ca);
    });
    expectWhole(verdict, 60_000);
    expect(await leaderOf(lab)).not.toBe(leader);
  });
});

failoverSuite(() => lab);
