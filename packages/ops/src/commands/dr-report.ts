import type { BegunBackup } from '../operations/dr/backup.ts';
import type { Failback } from '../operations/dr/failback.ts';
import type { RegionFailover } from '../operations/dr/failover.ts';
import type { Loss } from '../operations/dr/loss.ts';
import type { RegionMove } from '../operations/dr/move.ts';
import { mostLost, type Rejoin } from '../operations/dr/rejoin.ts';
import type { PointedServer } from '../operations/dr/services.ts';
import type { DrStatus } from '../operations/dr/status.ts';
import { roleText } from '../operations/dr/view.ts';
import { table } from './command.ts';
import { renderFindings } from './status-report.ts';
import { bytes } from './units.ts';

const seconds = (value: number | null) => (value === null ? 'unknown' : `${value.toFixed(1)} s`);

export function renderDrStatus(status: DrStatus): string {
  const { acting, regions, lag, slot, services, drill } = status;
  const list = table(
    ['REGION', 'ROLE', 'EPOCH', 'LEADER', 'MEMBER', 'STATE', 'GATE'],
    regions.flatMap(({ region, role, epoch, leader, members }) =>
      members.map(({ name, state, gate }) => [
        region,
        roleText({ role }),
        epoch === null ? '-' : `${epoch}`,
        leader ?? '-',
        name,
        state ?? '-',
        gate,
      ]),
    ),
  );
  const lines = [
    acting === null ? 'No region is active.' : `Active region: ${acting}.`,
    `Replication lag: ${lag.bytes === null ? 'unknown' : bytes(lag.bytes)} of WAL, which a failover now would lose; the last commit replayed is ${seconds(lag.seconds)} old.`,
    describeSlot(slot),
    ...services.map(({ server, region }) => `${server} writes to: ${region ?? '-'}.`),
    drill === null ? 'Last drill: none.' : `Last drill: ${drill.passed ? 'passed' : 'failed'} at ${drill.at}.`,
  ];
  return `${list}\n${lines.map((line) => `${line}\n`).join('')}\n${renderFindings(status)}`;
}

function describeSlot(slot: DrStatus['slot']): string {
  if (slot === null) return 'Replication slot: none; no WAL is retained for the standby region.';
  const { name, active, walStatus, keptBytes } = slot;
  const use = active ? 'active' : 'inactive';
  if (walStatus === 'lost') return `Replication slot ${name}: ${use}, invalidated (wal_status = lost), retains no WAL.`;
  return `Replication slot ${name}: ${use}, retains ${keptBytes === null ? '-' : bytes(keptBytes)} of WAL.`;
}

export function renderRegionFailover(result: RegionFailover): string {
  const { from, to, epoch, timeline, isFenced, loss, recoverySeconds, servers, backup, isAlone } = result;
  return [
    `${to} is active, region epoch ${epoch}, timeline ${timeline ?? '-'}; ${from} is ${isFenced ? 'fenced' : 'NOT verifiably fenced'}.`,
    `RTO: ${seconds(recoverySeconds)} from the command to the first acknowledged commit.`,
    ...(loss === null
      ? []
      : [
          `RPO: everything committed until ${loss.keptUntil ?? 'an unknown time'} is kept; at most ${seconds(loss.atMostSeconds)} of commits after that are lost.`,
          `     When ${from} last responded (${loss.lastHeardAt ?? 'never'}), ${loss.knownBytes === null ? 'an unknown amount' : bytes(loss.knownBytes)} of its WAL had not been replicated.`,
          `     ${describeEstimate(from, loss)}`,
          `     Measured by ${loss.measuredBy}.`,
        ]),
    ...serverLines(servers),
    ...backupLines(backup),
    ...aloneLines(to, isAlone),
    '',
  ].join('\n');
}

/** Rows, which cannot be counted while the failed region does not respond. */
function describeEstimate(from: string, { estimate, atMostSeconds }: Loss): string {
  const exactly = 'pgha dr rejoin counts them';
  if (estimate === null) return `The number of rows is unknown until ${from} is reachable: ${exactly}.`;
  const { commits, rows, pace } = estimate;
  return (
    `Estimate: at most about ${rows} rows in ${commits} commits, if ${from} committed for ${seconds(atMostSeconds)} at the rate of the ` +
    `last ${seconds(pace.seconds)} that were replicated (${pace.rows} rows in ${pace.commits} commits, including the heartbeat); ${exactly}.`
  );
}

export function renderMove({
  from,
  to,
  epoch,
  timeline,
  withoutPrimarySeconds,
  servers,
  backup,
  isAlone,
}: RegionMove): string {
  return [
    `${to} is active, region epoch ${epoch}, timeline ${timeline ?? '-'}; ${from} is its standby region. No data was lost.`,
    `Time without a primary: ${seconds(withoutPrimarySeconds)}.`,
    ...serverLines(servers),
    ...backupLines(backup),
    ...aloneLines(to, isAlone),
    '',
  ].join('\n');
}

export function renderRejoin({ region, acting, lost, restored, servers }: Rejoin): string {
  const most = mostLost(lost);
  return [
    `${region} is the standby region of ${acting}.`,
    most === null
      ? `${region} had no unreplicated transactions.`
      : `Unreplicated transactions of ${region}: ${most.lost.rows} rows in ${most.lost.commits} commits, including the heartbeat: ${bytes(most.lost.bytes)} of WAL from ${most.lost.firstAt} to ${most.lost.lastAt} (${most.lost.fromLsn} to ${most.lost.toLsn}).`,
    ...restored.map(
      ({ member, from, kept }) =>
        `${member}: from ${from}${kept === null ? '' : `; its old data directory is retained: "pgha restore list" shows it, "pgha restore drop ${kept}" deletes it`}`,
    ),
    ...serverLines(servers),
    '',
  ].join('\n');
}

export function renderFailback({ rejoin, move }: Failback): string {
  return `${rejoin === null ? '' : renderRejoin(rejoin)}${renderMove(move)}`;
}

const serverLines = (servers: readonly PointedServer[]) =>
  servers.map(({ server, readyAfterSeconds, problem }) =>
    problem === null ? `${server} was ready after ${seconds(readyAfterSeconds)}.` : `${server}: ${problem}`,
  );

function backupLines(backup: BegunBackup | null): readonly string[] {
  if (backup === null) return [];
  const { repository, timeline, machine, state, label, problem } = backup;
  const what = `full backup of timeline ${timeline} into repository ${repository}`;
  if (state === 'ended') return [`The ${what} has finished: ${label}.`];
  return [
    state === 'running' ? `A ${what} is running on ${machine}.` : `The ${what} has not started: ${problem}.`,
    'It is retried automatically until it succeeds, also after a reboot; "pgha backup list" shows it then.',
  ];
}

const aloneLines = (region: string, isAlone: boolean) =>
  isAlone ? [`${region} has one database node: its data is not replicated until the other region has rejoined.`] : [];
