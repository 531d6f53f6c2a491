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
          what: `${name}: unreachable: ${problem}`,
          remedy: 'check the S3 bucket, its permissions and the network route to S3',
          alert: 'BackupRepositoryUnreachable',
        },
      ];
    const full = seen.backups.findLast(({ type }) => type === 'full');
    const newest = seen.backups.at(-1);
    if (full === undefined)
      return [
        {
          what: `${name}: no full backup`,
          remedy: `pgha backup create --type full --repo ${key}`,
          alert: 'FullBackupOverdue',
        },
      ];
    return [
      ...(full.stoppedAt.getTime() < oldest('FullBackupOverdue')
        ? [
            {
              what: `${name}: the last full backup is ${Math.round((at.getTime() - full.stoppedAt.getTime()) / day)} days old`,
              remedy: `pgha backup create --type full --repo ${key}`,
              alert: 'FullBackupOverdue',
            },
          ]
        : []),
      ...(newest !== undefined && newest.stoppedAt.getTime() < oldest('BackupOverdue')
        ? [
            {
              what: `${name}: the last backup is ${Math.round((at.getTime() - newest.stoppedAt.getTime()) / hour)} hours old`,
              remedy: 'check the timers on the primary: systemctl list-timers "pgha-backup*"',
              alert: 'BackupOverdue',
            },
          ]
        : []),
      ...seen.backups
        .filter(({ hasError }) => hasError)
        .map(({ label }) => ({
          what: `${name}: backup ${label} has checksum failures (corrupt pages)`,
          remedy: 'pgha backup verify. If the primary has checksum failures: pgha switchover to a healthy replica',
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
        what: `repository ${repository}: the restore test of backup ${backup} on ${machine} failed: ${problem}`,
        remedy: `pgha backup verify --restore --repo ${repository} repeats it and shows the differences`,
        alert: 'RestoreTestFailed',
      })),
    ...(ageMs > thresholdOf(seen.cluster, 'RestoreTestOverdue') * 1_000
      ? [
          {
            what: `no restore test has succeeded for ${Math.floor(ageMs / day)} days`,
            remedy: 'run it now: pgha backup verify --restore',
            alert: 'RestoreTestOverdue',
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
        what: `${name}: detached since ${from}; it cannot restore to any time after that`,
        remedy: `when the repository is reachable again: pgha archive attach --repo ${key}`,
      }
    : {
        what: `${name}: no full backup since it was detached at ${from}; it cannot restore to any time after that`,
        remedy: `pgha archive attach --repo ${key} creates it`,
      };
}
