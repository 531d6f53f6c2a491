import { membersOf } from '@pgha/infra/cluster';
import { listMembers } from '../../clients/patronictl.ts';
import { checkRepository, readRepository } from '../../clients/pgbackrest.ts';
import type { Host } from '../../hosts/host.ts';
import type { Step } from '../../step.ts';
import { takeBackup } from '../backup/create.ts';
import type { InPlaceSetting } from './in-place-setting.ts';
import { timelineOfSegment } from './timelines.ts';

/**
 * The steps that make the new timeline restorable by itself: a full backup in each repository, which also ends the time in which
 * the newest backup is one of the branch that was left, and a segment that was seen arriving.
 */
export function backInRepositories(
  { installation, region, choices, signal }: InPlaceSetting,
  timeline: () => number,
): readonly Step[] {
  const { scope } = installation.cluster;
  const hosts = membersOf(region).map((node) => installation.host(node));
  const hasNew = async (repository: number) => {
    const { backups } = await readRepository(await primaryOf(hosts), scope, repository);
    return backups.some(({ type, wal }) => type === 'full' && timelineOfSegment(wal.start) >= timeline());
  };
  return [
    ...choices.repositories.map(
      (repository): Step => ({
        title: `Take a full backup to repository ${repository}`,
        isDone: () => hasNew(repository),
        run: async (report) => {
          await takeBackup(await primaryOf(hosts), scope, { type: 'full', repository }, report, signal);
        },
      }),
    ),
    ...choices.repositories.map(
      (repository): Step => ({
        title: `Verify that WAL of the new timeline is archived to repository ${repository}`,
        run: async () => checkRepository(await primaryOf(hosts), repository),
      }),
    ),
  ];
}

/** The member that leads now: there may have been a failover since the restore. */
async function primaryOf(hosts: readonly Host[]): Promise<Host> {
  for (const host of hosts) {
    const leader = (await listMembers(host)).find(({ isLeader }) => isLeader);
    const found = hosts.find(({ name }) => name === leader?.name);
    if (found !== undefined) return found;
  }
  throw new Error('there is no primary');
}
