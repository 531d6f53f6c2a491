import { membersOf } from '@pgha/infra/cluster';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeVerdict, judge } from '../../src/chaos/checker.ts';
import { waitForAllMembers } from '../../src/lab/readiness.ts';
import { scratchName } from '../../src/operations/restore/scratch.ts';
import { say } from '../../src/operations/restore/target.ts';
import { waitForFirstBackups } from './first-backups.ts';
import { killedAndRunAgain } from './killed.ts';
import { offerNewerVersion, withdrawOffers } from './offer-upgrade.ts';
import { contentOf, type RegionClients, startClients } from './region-clients.ts';
import { untilNothingNeedsAPerson } from './region-reports.ts';
import { hostOf, leaderOf, pgha, provideLab, type RunningLab } from './running-lab.ts';

/**
 * What the other suites measure undisturbed is cut off here. Failovers, moves between the regions and the restore in place, which
 * break something first, are killed where they are tested.
 */
describe('an operation that is killed at any step, and run again', () => {
  let lab: RunningLab;
  let clients: RegionClients;
  beforeAll(async () => {
    lab = await provideLab();
    await waitForFirstBackups(lab);
    clients = startClients(lab, lab.cluster.primary, 'killed');
    await clients.more(20);
  });
  afterAll(() => lab?.end());

  const members = () => membersOf(lab.cluster.primary).map(({ name }) => name);
  const replica = async () => {
    const leader = await leaderOf(lab);
    return members().find((name) => name !== leader) ?? expect.fail('no replica');
  };

  it.each<[string, () => string | Promise<string>]>([
    ['switchover', async () => `pgha switchover --to ${await replica()}`],
    ['nodes restart', async () => `pgha nodes restart ${await replica()}`],
    ['nodes restart --reboot', () => 'pgha nodes restart etcd-3 --reboot'],
    ['nodes reinit', async () => `pgha nodes reinit ${await replica()} --yes`],
    ['nodes replace, of etcd', () => 'pgha nodes replace etcd-2 --yes'],
    ['nodes replace, of a database machine', async () => `pgha nodes replace ${await replica()} --yes`],
    ['backup create', () => 'pgha backup create --type diff'],
    ['backup verify --restore', () => 'pgha backup verify --restore --repo 1'],
    ['archive detach', () => 'pgha archive detach --repo 2 --yes'],
    ['archive attach', () => 'pgha archive attach --repo 2'],
    ['certs renew', () => 'pgha certs renew --all'],
    ['secrets rotate, of one', () => 'pgha secrets rotate app'],
    ['secrets rotate --all', () => 'pgha secrets rotate --all --yes'],
    ['dr drill', () => 'pgha dr drill'],
  ])('ends as if nobody had: %s', async (_name, commandLine) => {
    await killedAndRunAgain(await commandLine());
    await clients.more(5);
    await waitForAllMembers(lab.cluster, lab.access.ca);
  });

  it('ends as if nobody had: restore into scratch, restore drop', async () => {
    const moment = new Date(Date.now() - 2_000);
    await killedAndRunAgain(`pgha restore ${say(moment)}`);
    const name = scratchName({ target: say(moment), repository: 1 });
    expect(await pgha('restore', 'list', '--lab')).toMatch(new RegExp(`${name} +pg-\\d +ready`));
    await pgha('restore', 'drop', name, '--lab');
    expect(await pgha('restore', 'list', '--lab')).not.toContain(name);
    await clients.more(5);
  });

  it('ends as if nobody had: nodes remove, nodes add', async () => {
    if ((await leaderOf(lab)) === 'pg-3') await pgha('switchover', '--lab', '--to', 'pg-1');
    await pgha('lab', 'resize', '--nodes', '2');
    await killedAndRunAgain('pgha nodes remove pg-3 --yes');
    await pgha('lab', 'resize', '--nodes', '3');
    await killedAndRunAgain('pgha nodes add pg-3 --yes');
    await clients.more(5);
    await waitForAllMembers(lab.cluster, lab.access.ca);
  });

  it('ends as if nobody had: upgrade minor', async () => {
    const offers = [
      ['etcd-1', 'etcd-server'],
      [await replica(), 'patroni'],
      [await leaderOf(lab), 'patroni'],
    ] as const;
    await Promise.all(offers.map(([machine, name]) => offerNewerVersion(hostOf(lab, machine), name)));
    await killedAndRunAgain('pgha upgrade minor --yes');
    expect(await pgha('upgrade', 'minor', '--dry-run', '--lab')).toContain(
      'no updates: every node has the newest versions',
    );
    await Promise.all(offers.map(([machine]) => withdrawOffers(hostOf(lab, machine))));
    await clients.more(5);
  });

  it('was noticed by no client, and leaves nothing that needs a person', async () => {
    const verdict = judge(await clients.workload.stop(), await contentOf(lab, clients.run));
    console.log(`clients of all of it: ${describeVerdict(verdict)}`);
    expect(verdict).toMatchObject({ isValid: true, lost: [], duplicated: [] });
    expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0 });
    expect(await pgha('operations', 'list', '--lab')).not.toContain('Interrupted');
    await untilNothingNeedsAPerson();
    // the passphrase was changed behind a switchover: this generation of the repositories knows no history of the timeline
    expect(await pgha('backup', 'verify', '--lab')).toMatch(/^repository 1: OK; .*\nrepository 2: OK; /);
  });
});
