import { parseLsn } from '@pgha/db';
import type { Promotion } from '../../clients/region.ts';
import type { Fence } from './fence.ts';

/** What was lost by promoting a standby region without its primary, as far as it can be known before that one is back. */
export interface Loss {
  /** The newest commit that was kept, on the lost primary's clock; RFC 3339. */
  keptUntil: string | null;
  /** Of everything after it that may have been acknowledged: until the lost region was fenced, or given up unfenced. */
  atMostSeconds: number | null;
  /** When the lost region's etcd was last heard of; RFC 3339. */
  lastHeardAt: string | null;
  /** Bytes of WAL its primary had told of by then and that were not received; more may have been written after that. */
  knownBytes: number | null;
  /** In words, for whoever reads the numbers. */
  measuredBy: string;
}

/** Pure. */
export function measureLoss({ received, peerLast }: Promotion, fence: Pick<Fence, 'at'>): Loss {
  const keptUntil = received?.lastCommitAt ?? null;
  const receivedLsn = parseLsn(received?.receivedLsn ?? received?.replayedLsn ?? '')?.lsn ?? null;
  const told = typeof peerLast?.position === 'number' ? BigInt(peerLast.position) : null;
  return {
    keptUntil,
    atMostSeconds:
      keptUntil === null ? null : Math.max(0, Math.round(Date.parse(fence.at) - Date.parse(keptUntil)) / 1_000),
    lastHeardAt: peerLast ? new Date(peerLast.at * 1_000).toISOString() : null,
    knownBytes: receivedLsn === null || told === null ? null : Number(told > receivedLsn ? told - receivedLsn : 0n),
    measuredBy:
      'the newest commit the standby had replayed, against the moment the lost region was fenced; and what its primary had last ' +
      'told its etcd, against what the standby had received. Transactions are counted when the region is brought back',
  };
}
