import { membersOf, type Region } from '@pgha/infra/cluster';
import { readOwnRegion, type StoredRegion } from '../../clients/region.ts';
import type { Installation } from '../../installation/installation.ts';
import { waitUntil } from '../../wait-until.ts';

/** An etcd that elects a leader answers within seconds; a busy machine takes longer. */
const answerTimeoutMs = 60_000;

/**
 * What a region is, as its etcd holds it now. Silence is no answer: whoever took it for "this region does not act" would let the
 * other one act too.
 *
 * @throws when the region's etcd does not answer in time.
 */
export function readStored(
  { host, signal }: Pick<Installation, 'host' | 'signal'>,
  region: Region,
): Promise<StoredRegion> {
  const read = async (of: ReturnType<typeof host>) => {
    const own = await readOwnRegion(of);
    if (!own.answers) throw new Error(`${of.name} gets no response from it`);
    return own;
  };
  return waitUntil(() => Promise.any(membersOf(region).map((node) => read(host(node)))), {
    what: `etcd of ${region.awsRegion} to report the role of the region`,
    timeoutMs: answerTimeoutMs,
    everyMs: 500,
    signal,
  });
}
