import type { CompleteInput } from '../input.ts';
import { type Check, check } from './check.ts';

/** Patroni rewrites a violation silently (patroni/config.py of 4.0.7), so it is refused here. */
export function timing({ patroni }: CompleteInput): Check[] {
  const atLeast = (path: keyof CompleteInput['patroni'], least: number) =>
    check(
      Number.isInteger(patroni[path]) && patroni[path] >= least,
      `patroni.${path}`,
      patroni[path],
      `a whole number of at least ${least}`,
    );
  const least = patroni.loopWaitSeconds + 2 * patroni.retryTimeoutSeconds;
  return [
    atLeast('ttlSeconds', 20),
    atLeast('loopWaitSeconds', 1),
    atLeast('retryTimeoutSeconds', 3),
    atLeast('primaryStartTimeoutSeconds', 0),
    atLeast('maximumLagOnFailoverBytes', 256 * 1024 ** 2),
    check(
      !(least > patroni.ttlSeconds),
      'patroni.ttlSeconds',
      patroni.ttlSeconds,
      `at least loopWaitSeconds + 2 * retryTimeoutSeconds (${least})`,
      'Otherwise the leader lease can expire while Patroni still retries: raise ttlSeconds or lower retryTimeoutSeconds',
    ),
  ];
}

/** When backups are taken and how long they are kept. */
export function backups({ backups: plan }: CompleteInput): Check[] {
  const days = (path: 'restoreWindowDays' | 'retentionDays') =>
    check(
      Number.isInteger(plan[path]) && plan[path] >= 1 && plan[path] <= 3650,
      `backups.${path}`,
      plan[path],
      'a whole number of days from 1 to 3650',
    );
  return [
    check(
      ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].includes(plan.fullOn),
      'backups.fullOn',
      plan.fullOn,
      'Mon, Tue, Wed, Thu, Fri, Sat or Sun',
    ),
    check(
      /^([01]\d|2[0-3]):[0-5]\d$/.test(plan.atUtc),
      'backups.atUtc',
      plan.atUtc,
      'a time of day in UTC, such as 02:00',
    ),
    check(
      [1, 2, 3, 4, 6, 8, 12, 24].includes(plan.incrementalEveryHours),
      'backups.incrementalEveryHours',
      plan.incrementalEveryHours,
      '1, 2, 3, 4, 6, 8, 12 or 24',
    ),
    days('restoreWindowDays'),
    days('retentionDays'),
    check(
      !(plan.retentionDays < plan.restoreWindowDays),
      'backups.retentionDays',
      plan.retentionDays,
      `at least restoreWindowDays (${plan.restoreWindowDays})`,
      'Expired backups cannot be restored: raise retentionDays or lower restoreWindowDays',
    ),
  ];
}
