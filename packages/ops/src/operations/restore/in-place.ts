import { type ListedMember, listMembers, restartMember } from '../../clients/patronictl.ts';
import type { MemberRestore } from '../../clients/restore-in-place.ts';
import type { Report, Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { memberHosts, waitUntilWhole } from '../regions.ts';
import { backInRepositories } from './after.ts';
import { ensureArchived } from './archived.ts';
import { clusterKeys, forgetCluster } from './etcd-cluster.ts';
import type { InPlaceSetting } from './in-place-setting.ts';
import {
  areFollowing,
  hostNamed,
  isAside,
  isBegun,
  isDown,
  isFree,
  isUp,
  leads,
  membersIn,
  restoreNamed,
  restoreTimeoutMs,
} from './members.ts';
import { specOf } from './scratch.ts';
import { rebuildStandby } from './standby-rebuild.ts';
import { needsRestart, verifyRestored } from './verification.ts';

/** A stop with its checkpoint, and a start. */
const restartTimeoutMs = 180_000;

/**
 * The steps that bring a region's whole cluster back to a moment (Patroni 4.0, "Bootstrapping a new cluster": a custom method
 * runs only where the data directory is empty and etcd knows of no cluster).
 *
 * Two invariants make it safe to cut off anywhere. Until the restored member was seen leading, which is written down
 * (`led`), no member's Patroni starts but as this operation says: each is held by a gate of its own machine. And a data
 * directory is only ever removed where the one from before stands aside under this operation's name.
 */
export function planInPlace(setting: InPlaceSetting): readonly Step[] {
  const { installation, region, standby, choices, memory, signal } = setting;
  const { cluster } = installation;
  const { id, source, restorer } = choices;
  const own = membersIn(installation, region);
  const other = standby === null ? null : membersIn(installation, standby);
  const everyone = [...own.restores, ...(other?.restores ?? [])];
  const followers = [...own.restores.keys()].filter((name) => name !== restorer);
  const restorerHost = hostNamed(own, restorer);
  const restoring = restoreNamed(own, restorer);
  const isStrict = cluster.durability === 'zero-loss' && followers.length > 0;
  const hasLed = () => memory.recall('led') !== null;
  const timeline = () => Number(memory.recall('led') ?? 0);
  const states = (members: Iterable<readonly [string, MemberRestore]>) =>
    Promise.all([...members].map(async ([name, member]) => ({ name, state: await member.state() })));
  return [
    ...(choices.primary === null
      ? []
      : [
          {
            title: `Archive all WAL written so far to repository ${source.repository}`,
            isNeeded: async () => !hasLed() && (await states(everyone)).every(({ state }) => state.gate === null),
            run: (report: Report) =>
              ensureArchived(
                hostNamed(own, choices.primary ?? ''),
                { database: cluster.database, stanza: cluster.scope, repository: source.repository },
                new Date(source.target),
                report,
                signal,
              ),
          },
        ]),
    {
      title: `Block the automatic startup of Patroni on ${everyone.map(([name]) => name).join(', ')}`,
      isDone: async () => hasLed() || (await states(everyone)).every(({ state }) => state.gate?.id === id),
      run: async () => {
        await Promise.all(everyone.map(([, member]) => member.hold(id)));
      },
    },
    {
      title: `Stop PostgreSQL on ${stopOrder(setting).flat().join(', ')}`,
      isDone: async () =>
        hasLed() || (await states(everyone)).every(({ state }) => isAside(state, id) || isDown(state)),
      run: async (report) => {
        for (const names of stopOrder(setting)) {
          report(names.join(', '));
          await Promise.all(everyone.filter(([name]) => names.includes(name)).map(([, member]) => member.stop()));
        }
      },
    },
    {
      title: `Move the current data directories to ${id}`,
      isDone: async () => hasLed() || (await states(own.restores)).every(({ state }) => isAside(state, id)),
      run: async () => {
        await Promise.all([...own.restores.values()].map((member) => member.aside(id)));
      },
    },
    {
      title: `Reset the Patroni state in etcd of ${region.awsRegion} (settings are kept)`,
      // what is there once the restorer has begun is the new cluster's
      isDone: async () =>
        hasLed() || isBegun(await restoring.state()) || (await clusterKeys(own.etcd, cluster)).length === 0,
      run: () => forgetCluster(own.etcd, cluster),
    },
    {
      title: `Restore backup ${source.backup} of repository ${source.repository} on ${restorer}, recover to ${source.target} and promote`,
      isDone: async () => hasLed(),
      run: async (report) => {
        const leading = async () => (await listMembers(restorerHost)).find((member) => leads(member, restorer)) ?? null;
        const state = await restoring.state();
        const isAtWork = isBegun(state) && (isUp(state) || (await leading()) !== null);
        if (!isAtWork) {
          // an earlier try may have left its half in etcd
          await restoring.stop();
          await forgetCluster(own.etcd, cluster);
          await restoring.begin(id, specOf(source));
        }
        const led = await waitForRestore(restorer, restoring, leading, report, signal);
        await memory.choose('led', () => `${led}`);
      },
    },
    {
      title: 'Verify the restored timeline and recovery target',
      isNeeded: async () => memory.recall('verified') === null,
      run: async (report) => {
        report(await verifyRestored(restorerHost, cluster.database, source, timeline(), isStrict));
        await memory.choose('verified', () => 'yes');
      },
    },
    {
      title: `Return ${restorer} to normal operation`,
      isDone: async () => isFree(await restoring.state()) && !(await needsRestart(restorerHost)),
      run: async () => {
        await restoring.release(id);
        // nobody is there yet who could confirm a commit: it keeps no client waiting that does not wait already
        if (!(await needsRestart(restorerHost))) return;
        await restartMember(restorerHost, cluster.scope, restorer);
        await waitUntil(async () => !(await needsRestart(restorerHost)), {
          what: `${restorer} to run without its recovery settings`,
          timeoutMs: restartTimeoutMs,
          everyMs: 500,
          signal,
        });
      },
    },
    ...(followers.length === 0
      ? []
      : [
          {
            title: `Restore the replicas: ${followers.join(', ')}`,
            isDone: async () => areFollowing(await listMembers(restorerHost), [...own.hosts.keys()]),
            run: async (report: Report) => {
              await Promise.all(followers.map((name) => restoreNamed(own, name).release(id)));
              await waitUntilWhole(installation, region, null, report, signal, restoreTimeoutMs);
            },
          },
        ]),
    ...backInRepositories(setting, () => timeline()),
    ...(other === null ? [] : [rebuildStandby(installation, other, choices, signal)]),
  ];
}

/** Replicas before the primary, so that nobody takes over; the other region last, so that it has everything. */
function stopOrder({ region, standby, installation, choices }: InPlaceSetting): readonly (readonly string[])[] {
  const own = [...memberHosts(installation, region).keys()];
  const others = standby === null ? [] : [...memberHosts(installation, standby).keys()];
  const replicas = own.filter((name) => name !== choices.primary);
  return [replicas, choices.primary === null ? [] : [choices.primary], others].filter(({ length }) => length > 0);
}

/**
 * Waits until the restored member leads.
 *
 * @returns its timeline.
 * @throws when Patroni gave up, with what pgBackRest said last.
 */
async function waitForRestore(
  name: string,
  member: MemberRestore,
  leading: () => Promise<ListedMember | null>,
  report: Report,
  signal: AbortSignal,
): Promise<number> {
  const end = await waitUntil(
    async () => {
      const found = await leading();
      if (found?.timeline != null) return found.timeline;
      const state = await member.state();
      report(state.percent === null ? state.patroni : `${state.percent.toFixed(0)} % of the files`);
      return isUp(state) || state.gate?.phase === 'permitted' ? null : state;
    },
    {
      what: `${name} to restore the backup and become the primary`,
      timeoutMs: restoreTimeoutMs,
      everyMs: 1_000,
      signal,
    },
  );
  if (typeof end === 'number') return end;
  throw new Error(
    `the restore on ${name} failed: ${end.lastLine ?? 'pgBackRest was not started'}. "journalctl -u patroni" there has more. ` +
      'Rerun the command to retry',
  );
}
