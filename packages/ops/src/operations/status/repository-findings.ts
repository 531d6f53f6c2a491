import { type DeletionsSeen, toldOf } from '../../clients/observation.ts';
import { restoreTestsOf } from './figures.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** What the repositories hold, and whether that is new enough. */
export function repositoryFindings({ cluster, repositories, at, machines }: ClusterObservation): readonly Finding[] {
  const oldest = (alert: string) => at.getTime() - thresholdOf(cluster, alert) * 1_000;
  const told = machines.flatMap(({ seen }) => toldOf(seen?.archive) ?? []);
  return repositories.flatMap(({ key, region, seen, problem }): readonly Finding[] => {
    const name = `repository ${key} (${region.awsRegion})`;
    const gap = told.find(({ repository, state }) => repository === key && state !== 'closed');
    if (gap !== undefined) return [gapFinding(name, key, gap)];
    if (seen === null)
      return [
        {
          what: `${name} cannot be read: ${problem}`,
          remedy: 'its bucket, its permissions, or the way to it',
          alert: 'RepositoryFails',
        },
      ];
    const full = seen.backups.findLast(({ type }) => type === 'full');
    const newest = seen.backups.at(-1);
    if (full === undefined)
      return [
        {
          what: `${name} has no full backup`,
          remedy: `pgha backup create --type full --repo ${key}`,
          alert: 'FullBackupOld',
        },
      ];
    return [
      ...(full.stoppedAt.getTime() < oldest('FullBackupOld')
        ? [
            {
              what: `the last full backup in ${name} is ${Math.round((at.getTime() - full.stoppedAt.getTime()) / day)} days old`,
              remedy: `pgha backup create --type full --repo ${key}`,
              alert: 'FullBackupOld',
            },
          ]
        : []),
      ...(newest !== undefined && newest.stoppedAt.getTime() < oldest('BackupOld')
        ? [
            {
              what: `the last backup in ${name} is ${Math.round((at.getTime() - newest.stoppedAt.getTime()) / hour)} hours old`,
              remedy: 'systemctl list-timers "pgha-backup*" on the primary',
              alert: 'BackupOld',
            },
          ]
        : []),
      ...seen.backups
        .filter(({ hasError }) => hasError)
        .map(({ label }) => ({
          what: `the backup ${label} in ${name} has damaged pages`,
          remedy: 'pgha backup verify; a replica that is well can be made the primary',
        })),
    ];
  });
}

/** Whether what is in the repositories was seen to come back. */
export function restoreTestFindings(seen: ClusterObservation): readonly Finding[] {
  const { newest, succeededAt, expectedSince } = restoreTestsOf(seen);
  const since = succeededAt ?? expectedSince;
  const ageMs = since === null ? 0 : seen.at.getTime() - Date.parse(since);
  return [
    ...[...newest.values()]
      .filter(({ ok }) => Number(ok) < thresholdOf(seen.cluster, 'RestoreTestFailed'))
      .map(({ repository, machine, backup, problem }) => ({
        what: `the restore test of repository ${repository} on ${machine} failed with the backup ${backup}: ${problem}`,
        remedy: `pgha backup verify --restore --repo ${repository} names what differs`,
        alert: 'RestoreTestFailed',
      })),
    ...(ageMs > thresholdOf(seen.cluster, 'RestoreTestOld') * 1_000
      ? [
          {
            what: `no restore test has succeeded for ${Math.floor(ageMs / day)} days`,
            remedy: 'pgha backup verify --restore does it now, or says why not',
            alert: 'RestoreTestOld',
          },
        ]
      : []),
  ];
}

/** What was deleted from the repositories, as the newest check of each found it. */
export function deletionFindings({ cluster, machines, at }: ClusterObservation): readonly Finding[] {
  const told = machines
    .flatMap(({ node, seen }) => (toldOf(seen?.deletions) ?? []).map((each) => ({ ...each, machine: node.name })))
    .sort((one, other) => checkedMs(one) - checkedMs(other));
  const newest = new Map(told.map((each) => [each.repository, each]));
  return [...newest.values()].flatMap((each): readonly Finding[] => {
    const name = `repository ${each.repository} (${each.region})`;
    const ageMs = at.getTime() - checkedMs(each);
    return [
      ...(each.deleted > thresholdOf(cluster, 'BackupObjectsDeleted')
        ? [
            {
              what: `${name}: backup objects deleted: ${describeDeletions(each)}`,
              remedy: `docs/runbooks/backup-objects-deleted.md restores them from the versions in ${each.bucket}; find out whose credentials deleted them first`,
              alert: 'BackupObjectsDeleted',
            },
          ]
        : []),
      ...(ageMs > thresholdOf(cluster, 'BackupObjectsUnchecked') * 1_000
        ? [
            {
              what: `${name} has not been checked for deleted objects for ${Math.round(ageMs / hour)} hours: ${each.problem ?? 'the timer does not run'}`,
              remedy: `journalctl -u pgha-deleted-backups on ${each.machine}`,
              alert: 'BackupObjectsUnchecked',
            },
          ]
        : []),
    ];
  });
}

const checkedMs = ({ checkedAt, expectedSince }: DeletionsSeen) => Date.parse(checkedAt ?? expectedSince);

/** At most three prefixes: an attacker deletes them all, and the first object says enough. */
function describeDeletions({ deleted, below, first, firstAt }: DeletionsSeen): string {
  const more = below.length > 3 ? ` and ${below.length - 3} more` : '';
  const when = firstAt === null ? 'missing without a delete marker' : `deleted at ${firstAt}`;
  return `${deleted} below ${below.slice(0, 3).join(', ')}${more}; first ${first ?? 'unknown'}, ${when}`;
}

/** A repository that is left out on purpose is unreachable and old as well, which nobody has to be told. */
function gapFinding(name: string, key: number, { state, from }: { state: string; from: string }): Finding {
  return state === 'detached'
    ? {
        what: `${name} is detached since ${from}: it restores nothing of what was written since`,
        remedy: `pgha archive attach --repo ${key}, once it can be reached`,
      }
    : {
        what: `${name} has no full backup since it was detached on ${from}: it restores nothing of what was written since`,
        remedy: `pgha archive attach --repo ${key} takes it`,
      };
}
