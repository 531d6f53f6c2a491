import type { BegunBackup } from '../operations/dr/backup.ts';
import type { Failback } from '../operations/dr/failback.ts';
import type { RegionFailover } from '../operations/dr/failover.ts';
import type { Loss } from '../operations/dr/loss.ts';
import type { RegionMove } from '../operations/dr/move.ts';
import { mostLost, type Rejoin } from '../operations/dr/rejoin.ts';
import type { PointedServer } from '../operations/dr/services.ts';
import type { DrStatus } from '../operations/dr/status.ts';
import { table } from './command.ts';
import { renderFindings } from './status-report.ts';
import { bytes } from './units.ts';

const seconds = (value: number | null) => (value === null ? 'an unknown time' : `${value.toFixed(1)} s`);

export function renderDrStatus(status: DrStatus): string {
  const { acting, regions, lag, slot, services, drill } = status;
  const list = table(
    ['REGION', 'ROLE', 'EPOCH', 'LEADER', 'MEMBER', 'STATE', 'GATE'],
    regions.flatMap(({ region, role, epoch, leader, members }) =>
      members.map(({ name, state, gate }) => [
        region,
        role,
        epoch === null ? '-' : `${epoch}`,
        leader ?? '-',
        name,
        state ?? '-',
        gate,
      ]),
    ),
  );
  const lines = [
    acting === null ? 'No region acts.' : `${acting} acts.`,
    `A failover now would lose ${lag.bytes === null ? 'an unknown number of bytes' : bytes(lag.bytes)} of WAL; the newest commit the standby shows is ${seconds(lag.seconds)} old.`,
    describeSlot(slot),
    ...services.map(({ server, region }) => `${server} uses ${region ?? '-'}.`),
    drill === null ? 'No drill was made.' : `The drill of ${drill.at} ${drill.passed ? 'passed' : 'failed'}.`,
  ];
  return `${list}\n${lines.map((line) => `${line}\n`).join('')}\n${renderFindings(status)}`;
}

function describeSlot(slot: DrStatus['slot']): string {
  if (slot === null) return 'No slot keeps WAL for the standby.';
  const { name, active, walStatus, keptBytes } = slot;
  const use = active ? 'is in use' : 'waits';
  if (walStatus === 'lost') return `The slot ${name} ${use} and is invalidated (wal_status = lost): it keeps no WAL.`;
  return `The slot ${name} ${use} and keeps ${keptBytes === null ? '-' : bytes(keptBytes)}.`;
}

export function renderRegionFailover(result: RegionFailover): string {
  const { from, to, epoch, timeline, isFenced, loss, recoverySeconds, servers, backup, isAlone } = result;
  return [
    `${to} acts, epoch ${epoch}, timeline ${timeline ?? '-'}; ${from} is ${isFenced ? 'fenced' : 'NOT fenced for certain'}.`,
    `RTO: ${seconds(recoverySeconds)} from the command to the first acknowledged commit.`,
    ...(loss === null
      ? []
      : [
          `RPO: everything committed until ${loss.keptUntil ?? 'an unknown moment'} is kept; at most ${seconds(loss.atMostSeconds)} of what came after it are lost.`,
          `     When ${from} was last heard of (${loss.lastHeardAt ?? 'never'}), ${loss.knownBytes === null ? 'an unknown number of bytes' : bytes(loss.knownBytes)} of its WAL had not arrived.`,
          `     ${describeEstimate(from, loss)}`,
          `     Measured by ${loss.measuredBy}.`,
        ]),
    ...serverLines(servers),
    ...backupLines(backup),
    ...aloneLines(to, isAlone),
    '',
  ].join('\n');
}

/** Rows, which nobody can count while the lost region is silent. */
function describeEstimate(from: string, { estimate, atMostSeconds }: Loss): string {
  const exactly = 'pgha dr rejoin counts them';
  if (estimate === null) return `How many rows these are cannot be told before ${from} is back: ${exactly}.`;
  const { commits, rows, pace } = estimate;
  return (
    `An estimate: at most about ${rows} rows in ${commits} commits, if ${from} committed for ${seconds(atMostSeconds)} as in the ` +
    `last ${seconds(pace.seconds)} that were kept (${pace.rows} rows in ${pace.commits} commits, the heartbeat's among them); ${exactly}.`
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
    `${to} acts, epoch ${epoch}, timeline ${timeline ?? '-'}; ${from} is its standby. Nothing was lost.`,
    `Without a primary: ${seconds(withoutPrimarySeconds)}.`,
    ...serverLines(servers),
    ...backupLines(backup),
    ...aloneLines(to, isAlone),
    '',
  ].join('\n');
}

export function renderRejoin({ region, acting, lost, restored, servers }: Rejoin): string {
  const most = mostLost(lost);
  return [
    `${region} is the standby of ${acting}.`,
    most === null
      ? `Nothing was found that only ${region} had.`
      : `Only ${region} had ${most.lost.rows} rows in ${most.lost.commits} commits, the heartbeat's among them: ${bytes(most.lost.bytes)} of WAL from ${most.lost.firstAt} to ${most.lost.lastAt} (${most.lost.fromLsn} to ${most.lost.toLsn}).`,
    ...restored.map(
      ({ member, from, kept }) =>
        `${member}: from ${from}${kept === null ? '' : `; its old data is kept: pgha restore list, and pgha restore drop ${kept}`}`,
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
  if (state === 'ended') return [`The ${what} has ended: ${label}.`];
  return [
    state === 'running' ? `A ${what} runs on ${machine}.` : `The ${what} has not begun: ${problem}.`,
    'It is taken again by itself until it is there, also after a reboot; "pgha backup list" shows it then.',
  ];
}

const aloneLines = (region: string, isAlone: boolean) =>
  isAlone
    ? [`${region} has one database machine: what it acknowledges is on no other until the regions are two again.`]
    : [];
