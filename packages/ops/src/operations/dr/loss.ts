import { parseLsn } from '@pgha/db';
import type { Pace, Promotion } from '../../clients/region.ts';
import type { Fence } from './fence.ts';

/** What was lost by promoting a standby region without its primary, as far as it can be known before that one is back. */
export interface Loss {
  /** The newest commit that was kept, on the lost primary's clock; RFC 3339. */
  keptUntil: string | null;
  /** Of everything after it that may have been acknowledged: until the failed region was fenced, or the failover continued without fencing. */
  atMostSeconds: number | null;
  /** When the failed region's etcd was last heard of; RFC 3339. */
  lastHeardAt: string | null;
  /** Bytes of WAL its primary had told of by then and that were not received; more may have been written after that. */
  knownBytes: number | null;
  /** How many commits and rows that may be; null: it cannot be told. */
  estimate: LossEstimate | null;
  /** In words, for whoever reads the numbers. */
  measuredBy: string;
}

/**
 * What is lost if the clients of the failed region wrote on, until it was fenced, as in the last WAL that was kept. While that region
 * cannot be asked nobody knows more.
 */
interface LossEstimate {
  commits: number;
  rows: number;
  /** What it is taken from. */
  pace: Pace;
}

/**
 * Pure.
 *
 * @param pace of the lost primary's newest commits that were kept; null: it could not be read.
 */
export function measureLoss({ received, peerLast }: Promotion, fence: Pick<Fence, 'at'>, pace: Pace | null): Loss {
  const keptUntil = received?.lastCommitAt ?? null;
  const receivedLsn = parseLsn(received?.receivedLsn ?? received?.replayedLsn ?? '')?.lsn ?? null;
  const told = typeof peerLast?.position === 'number' ? BigInt(peerLast.position) : null;
  const atMostSeconds =
    keptUntil === null ? null : Math.max(0, Math.round(Date.parse(fence.at) - Date.parse(keptUntil)) / 1_000);
  return {
    keptUntil,
    atMostSeconds,
    lastHeardAt: peerLast ? new Date(peerLast.at * 1_000).toISOString() : null,
    knownBytes: receivedLsn === null || told === null ? null : Number(told > receivedLsn ? told - receivedLsn : 0n),
    estimate: estimateLoss(atMostSeconds, pace),
    measuredBy:
      'the newest commit the standby had replayed, compared with the time the failed region was fenced; and the last position its primary had ' +
      'reported to its etcd, compared with what the standby had received. Transactions are counted when the region rejoins',
  };
}

/** One commit has no pace. */
function estimateLoss(seconds: number | null, pace: Pace | null): LossEstimate | null {
  if (seconds === null || pace === null || pace.commits < 2 || pace.seconds <= 0) return null;
  // the first of them begins the stretch
  const share = seconds / pace.seconds;
  return {
    commits: Math.ceil((pace.commits - 1) * share),
    rows: Math.ceil(pace.rows * (1 - 1 / pace.commits) * share),
    pace: { commits: pace.commits, rows: pace.rows, seconds: pace.seconds },
  };
}
