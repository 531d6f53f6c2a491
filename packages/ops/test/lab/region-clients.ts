import { membersOf, type Region, regionsOf } from '@pgha/infra/cluster';
import type { FinalRead, History } from '../../src/chaos/history.ts';
import { startWorkload, type Workload } from '../../src/chaos/workload.ts';
import { workloadTargets } from '../../src/lab/load.ts';
import { readFinalState } from '../../src/operations/load.ts';
import { waitUntil } from '../../src/wait-until.ts';
import { hostOf, type RunningLab } from './running-lab.ts';

/** Clients of the API server of one region. */
export interface RegionClients {
  /** Begins every row's name. */
  run: string;
  workload: Workload;
  /** Waits until so many more writes were acknowledged. */
  more(count: number): Promise<void>;
}

/** Starts two writers and a reader; two suites may have theirs on both regions' servers at once. */
export function startClients(lab: RunningLab, region: Region, name: string): RegionClients {
  const run = `${name}-${Date.now()}`;
  const targets = workloadTargets(lab.cluster, lab.access, region);
  const workload = startWorkload(targets, { run, writers: 2, readers: 1, everyMs: 40 });
  return {
    run,
    workload,
    more: async (count) => {
      const wanted = workload.acknowledged() + count;
      await waitUntil(async () => workload.acknowledged() >= wanted, {
        what: `${count} more acknowledged writes of ${run}`,
        timeoutMs: 300_000,
        everyMs: 50,
      });
    },
  };
}

/** What every member of both regions holds of a run, once all hold the same. */
export function contentOf(lab: RunningLab, run: string): Promise<readonly FinalRead[]> {
  const hosts = regionsOf(lab.cluster).flatMap((region) => membersOf(region).map(({ name }) => hostOf(lab, name)));
  return waitUntil(
    async () => {
      const reads = await readFinalState(hosts, lab.cluster.database, run);
      const counts = reads.map(({ member, keys }) => `${member} ${keys.length}`);
      if (reads.some(({ keys }) => keys.length !== reads[0]?.keys.length)) throw new Error(counts.join(', '));
      return reads;
    },
    { what: `all members to hold the same of ${run}`, timeoutMs: 120_000, everyMs: 500 },
  );
}

/** The acknowledged writes of a history that a member does not have. */
export function missingFrom(keys: readonly string[], { writes }: History) {
  const found = new Set(keys);
  return writes.filter(({ key, outcome }) => outcome === 'ok' && !found.has(key));
}
