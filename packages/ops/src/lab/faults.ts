import { nodeNamed, nodesOf } from '@pgha/infra/cluster';
import { dataMount, patroniPrefix } from '@pgha/infra/machines';
import { RefusedError } from '../exit-codes.ts';
import { type Host, runChecked } from '../hosts/host.ts';
import type { Installation } from '../installation/installation.ts';
import { execute } from '../operations/engine/run.ts';
import { actingRegion, memberHosts, viewRegions, waitUntilWhole } from '../operations/regions.ts';
import { switchover } from '../operations/switchover.ts';
import { type Report, runSteps } from '../step.ts';
import { waitUntil } from '../wait-until.ts';

/** Something that takes the primary away, planned or not. */
export interface Fault {
  summary: string;
  /** Causes it, and returns when somebody leads again and the machines are all on. */
  cause(installation: Installation, report: Report): Promise<void>;
  /** It fills a disk: only a data volume may be filled, not this computer's. */
  needsDataVolumes?: true;
}

/** What a primary can be lost by, from the mildest on. */
export const faults = {
  switchover: {
    summary: 'planned switchover',
    cause: async (installation, report) => {
      await execute(switchover(null), installation, { perform: runSteps(report) });
    },
  },
  postmaster: {
    summary: 'primary process crash (SIGKILL to the postmaster)',
    cause: async (installation) => {
      const { leader } = await acting(installation);
      await runChecked(leader, ['pkill', '-KILL', '--oldest', '-u', 'postgres', '-x', 'postgres']);
    },
  },
  'disk-full': {
    summary: 'data volume of the primary full',
    needsDataVolumes: true,
    cause: async (installation, report) => {
      const { cluster, signal } = installation;
      const { region, leader } = await acting(installation);
      const [etcd] = nodesOf(region, 'etcd');
      if (etcd === undefined) throw new Error(`${region.awsRegion} has no etcd`);
      // a handover of an earlier run, from which on the primary stays for a while
      await runChecked(installation.host(etcd), ['pgha-etcdctl', 'del', `${patroniPrefix}${cluster.scope}-space/last`]);
      await fillVolume(leader, 0);
      report(`the data volume of ${leader.name} is full`);
      try {
        const isReplaced = async () => {
          const { members } = actingRegion(cluster, await viewRegions(installation));
          return members?.some(({ name, isLeader }) => isLeader && name !== leader.name) === true;
        };
        const what = `another member of ${region.awsRegion} to lead`;
        await waitUntil(isReplaced, { what, timeoutMs: 120_000, everyMs: 500, signal });
      } finally {
        await freeVolume(leader);
      }
    },
  },
  'power-cut': {
    summary: 'host failure of the primary',
    cause: async (installation, report) => {
      const { cluster, power, signal } = installation;
      const { region, leader } = await acting(installation);
      const machine = nodeNamed(cluster, leader.name);
      await power.cut(machine);
      report(`${leader.name} is powered off`);
      const isReplaced = async () => {
        const { members } = actingRegion(cluster, await viewRegions(installation));
        return members?.some(({ name, isLeader }) => isLeader && name !== leader.name) === true;
      };
      await waitUntil(isReplaced, {
        what: `another member of ${region.awsRegion} to become the primary`,
        timeoutMs: 120_000,
        everyMs: 500,
        signal,
      });
      await power.start(machine);
    },
  },
} as const satisfies Record<string, Fault>;

const filler = `${dataMount}/pgha-lab-filler`;

/**
 * Fills a machine's data volume but for a part of it, as its server would: what the file system keeps for root stays free.
 *
 * @param freeShare how much stays free, 0 to 1.
 */
export async function fillVolume(host: Host, freeShare: number): Promise<void> {
  // the disk of a machine without one is this computer's
  const mount = (
    await runChecked(host, ['findmnt', '--noheadings', '--output=TARGET', `--target=${dataMount}`])
  ).trim();
  if (mount !== dataMount) {
    throw new RefusedError(`${host.name} has no data volume; start the lab with "pgha lab up --data-volumes"`);
  }
  // the whole of it cannot be reserved at once, because the file itself needs a block: the rest is written
  const script = `set -- $(df --block-size=1 --output=avail,size ${dataMount} | tail -n 1)
fallocate --length $(($1 - $2 * ${Math.round(freeShare * 1_000)} / 1000)) ${filler} 2>/dev/null || cat </dev/zero >${filler}-rest 2>/dev/null || true`;
  await runChecked(host, ['runuser', '-u', 'postgres', '--', 'sh', '-c', script]);
}

export async function freeVolume(host: Host): Promise<void> {
  await runChecked(host, ['rm', '-f', filler, `${filler}-rest`]);
}

/** Waits until every member is back after a fault, and the next one would do no more harm than it. */
export async function waitUntilHealed(installation: Installation, report: Report): Promise<void> {
  const { region } = await acting(installation);
  const { signal } = installation;
  await waitUntilWhole(installation, region, null, report, signal);
  // a replica streams a moment before Patroni counts on it, and until then a second fault is one too many
  const isCovered = async () => {
    const { members } = await acting(installation);
    return members.length === 1 || members.some(({ role }) => role === 'sync_standby' || role === 'quorum_standby');
  };
  const what = `a synchronous standby in ${region.awsRegion}`;
  await waitUntil(isCovered, { what, timeoutMs: 60_000, everyMs: 500, signal });
}

async function acting(installation: Installation) {
  const { region, members } = actingRegion(installation.cluster, await viewRegions(installation));
  if (members === null) throw new Error(`no member of ${region.awsRegion} responded`);
  const name = members.find(({ isLeader }) => isLeader)?.name ?? '';
  const leader = memberHosts(installation, region).get(name);
  if (leader === undefined) throw new Error(`there is no primary in ${region.awsRegion}`);
  return { region, members, leader };
}
