import type { Cluster } from '@pgha/infra/cluster';
import { dataMount } from '@pgha/infra/machines';
import { type DiskSeen, type Observation, toldOf } from '../../clients/observation.ts';
import { usedRatio } from './figures.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';
import { acceptsWrites } from './own-words.ts';
import { thresholdOf } from './thresholds.ts';

/** Whether this is the data volume of a primary that has to be handed over: one finding says it, with what stands in the way. */
export const isPrimaryDisk = (cluster: Cluster, machine: Observation, disk: DiskSeen): boolean =>
  disk.mount === dataMount &&
  acceptsWrites(machine) === true &&
  usedRatio(disk) > thresholdOf(cluster, 'PrimaryDiskFull');

/** A primary whose data volume is full, and why no other member was promoted, in the words of the program that does it. */
export function diskFindings({ cluster, machines }: ClusterObservation): readonly Finding[] {
  return machines.flatMap(({ node: { name }, seen: machine }) => {
    const disk = (toldOf(machine?.disks) ?? []).find(({ mount }) => mount === dataMount);
    if (machine === null || disk === undefined || !isPrimaryDisk(cluster, machine, disk)) return [];
    const reason = toldOf(machine.space)?.reason;
    return [
      {
        what:
          `the data disk of the primary ${name} is ${Math.round(usedRatio(disk) * 100)} % full: writes fail with SQLSTATE 53100 once it is; ` +
          (reason === undefined ? 'no program on it switches over' : `switchover: ${reason}`),
        remedy:
          'where another member has free disk space: pgha switchover --to MEMBER. Otherwise enlarge volumes.dataGib, run pgha deploy, ' +
          'then resize2fs /dev/sdf on each node; never delete anything in pg_wal (docs/runbooks/disk-full.md)',
        alert: 'PrimaryDiskFull',
      },
    ];
  });
}
