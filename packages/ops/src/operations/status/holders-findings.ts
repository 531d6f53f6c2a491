import { type Node, peerOf, type Region } from '@pgha/infra/cluster';
import { type HoldersObservation, type TransactionSeen, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import { membersSeen } from './members.ts';
import type { ClusterObservation } from './observe.ts';
import { thresholdOf } from './thresholds.ts';

/** What holds vacuum or replay back, by name. */
export function holdersFindings(seen: ClusterObservation): readonly Finding[] {
  return seen.machines.flatMap(({ node, seen: machine }) => {
    const holders = toldOf(machine?.holders);
    return holders === null ? [] : [...vacuumFindings(seen, node, holders), ...replayFindings(node, holders)];
  });
}

/** A vacuum removes nothing that the oldest of these could still see, on whichever server it runs. */
function vacuumFindings({ cluster }: ClusterObservation, { name }: Node, holders: HoldersObservation): Finding[] {
  const alert = 'VacuumHeldBack';
  const longest = thresholdOf(cluster, alert);
  return [
    ...holders.transactions
      .filter(({ seconds, backendType }) => seconds !== null && seconds > longest && backendType !== 'walsender')
      .map((transaction) => ({
        what: `${name}: ${describeTransaction(transaction)} holds back vacuum (${transactions(transaction.xidAge)} old)`,
        remedy: endTransaction(name, transaction),
        alert,
      })),
    ...holders.prepared
      .filter(({ seconds }) => seconds > longest)
      .map(({ name: gid, owner, database, seconds, xidAge }) => ({
        what: `${name}: prepared transaction '${gid}' of ${owner} in ${database}, prepared ${duration(seconds)} ago, holds back vacuum (${transactions(xidAge)} old)`,
        remedy: `in database ${database}, as its owner decides: commit prepared '${gid}' or rollback prepared '${gid}'`,
        alert,
      })),
  ];
}

function replayFindings({ name }: Node, { startup, replayPause, transactions }: HoldersObservation): Finding[] {
  if (replayPause === 'paused' || replayPause === 'pause requested') {
    return [
      {
        what: `${name}: replay is paused`,
        remedy: `select pg_wal_replay_resume() on ${name}; if the Patroni log there says "insufficient parameter settings", pgha apply and pgha nodes restart ${name}`,
        alert: 'ReplayPaused',
      },
    ];
  }
  const waitsFor = startup?.waitEvent ?? '';
  const blockers = transactions.filter(({ pid }) => startup?.blockedBy.includes(pid));
  const isConflict = waitsFor.startsWith('RecoveryConflict') || (startup?.blockedBy.length ?? 0) > 0;
  const holder = blockers[0] ?? transactions[0];
  if (!isConflict || holder === undefined) return [];
  return [
    {
      what: `${name}: replay waits for ${describeTransaction(holder)} (${waitsFor})`,
      remedy: `PostgreSQL cancels it after max_standby_streaming_delay; ${endTransaction(name, holder)}`,
      alert: 'ReplicationLagHigh',
    },
  ];
}

/**
 * A server that starts as a standby cannot let anybody in while the primary runs a transaction with more subtransactions than a
 * snapshot holds, however it was built.
 */
export function overflowedTransaction(
  seen: ClusterObservation,
  region: Region,
): { on: string; transaction: TransactionSeen } | null {
  const peer = peerOf(seen.cluster, region);
  const leaders = [region, ...(peer === null ? [] : [peer])].flatMap((each) =>
    (membersSeen(seen, each) ?? []).filter(({ role }) => role === 'leader').map(({ name }) => name),
  );
  for (const { node, seen: machine } of seen.machines) {
    const transaction = leaders.includes(node.name)
      ? toldOf(machine?.holders)?.transactions.find(({ overflowed }) => overflowed)
      : undefined;
    if (transaction !== undefined) return { on: node.name, transaction };
  }
  return null;
}

/** A member that waits for such a transaction. */
export function waitingStart(name: string, { on, transaction }: { on: string; transaction: TransactionSeen }): Finding {
  return {
    what: `${name}: cannot start as a standby while ${describeTransaction(transaction)} runs on ${on}: it has ${transaction.subtransactions ?? 'many'}+ subtransactions, more than a snapshot holds`,
    remedy: `${endTransaction(on, transaction)}; a copy of ${name} from the primary would wait for it as well`,
    alert: 'PostgresDown',
  };
}

function describeTransaction({ pid, user, application, client, state, seconds, statement }: TransactionSeen): string {
  const who = [
    `user ${user ?? 'unknown'}`,
    ...(application === '' ? [] : [`application ${application}`]),
    ...(client === null ? [] : [`client ${client}`]),
    ...(state === null ? [] : [state]),
    ...(seconds === null ? [] : [`open for ${duration(seconds)}`]),
    ...(statement === null || statement === '' ? [] : [`last statement: ${statement}`]),
  ];
  return `the transaction of pid ${pid} (${who.join(', ')})`;
}

const endTransaction = (on: string, { pid }: TransactionSeen) =>
  `wait until it finishes, or terminate it: select pg_terminate_backend(${pid}) on ${on}`;

const transactions = (count: number) => `${count} transaction${count === 1 ? '' : 's'}`;

/** In the largest unit of which there are two. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3_600)} h`;
}
