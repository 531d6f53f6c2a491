import { hostname } from 'node:os';
import { type Region, regionsOf } from '@pgha/infra/cluster';
import { type Etcd, etcdOn } from '../clients/etcd.ts';
import { RefusedError } from '../exit-codes.ts';
import { HostUnreachableError } from '../hosts/host.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import { type LockHolder, readHolder, withOperationLock } from './engine/lock.ts';
import { readUnfinished, type Unfinished, unfinishedKey } from './engine/record.ts';
import { holderOf } from './engine/run.ts';
import { runBesides } from './operation.ts';

/** What goes on in a region, and what was left behind. */
export interface Work {
  atWork: LockHolder | null;
  /** An operation that somebody has to bring to its end; the record of one that is at work is not one. */
  cutOff: Unfinished | null;
}

/** Tells live work from work that was interrupted. */
export async function readWork(installation: Pick<Installation, 'host'>, region: Region): Promise<Work> {
  const etcd = etcdOn(hostsOf(installation, region, 'etcd'));
  const before = await readUnfinished(etcd);
  const atWork = await readHolder(etcd, hostname());
  // one that ended between both questions has taken its record along
  const there = before === null || atWork !== null ? before : await readUnfinished(etcd);
  return { atWork, cutOff: there === null || there.value.doing === atWork?.doing ? null : there.value };
}

/**
 * Forgets what an operation decided before it was interrupted; what it did stays as it is. Holds the lock meanwhile: the record of an
 * operation that is at work is the only thing that lets it go on.
 *
 * @param agreed the operation that a person was asked about.
 * @throws RefusedError while an operation is in progress, and when another one was interrupted since.
 */
export async function forgetOperation(installation: Installation, region: Region, agreed: Unfinished): Promise<void> {
  const etcd = etcdOn(hostsOf(installation, region, 'etcd'));
  const doing = 'operations forget';
  const forget = async () => {
    const there = await readUnfinished(etcd);
    if (there === null) return;
    if (there.value.doing !== agreed.doing || there.value.since !== agreed.since) {
      const { operator, since } = there.value;
      throw new RefusedError(
        `the interrupted operation is now "pgha ${there.value.doing}", started by ${operator} at ${since}. Check "pgha operations list" again`,
      );
    }
    // an operation on both regions keeps its choices in both: what is left in the other one would be gone on with later
    for (const other of regionsOf(installation.cluster)) {
      if (other.kind !== region.kind) await removeRecord(etcdOn(hostsOf(installation, other, 'etcd')), agreed.doing);
    }
    // last: who is interrupted here finds it again
    await etcd.remove(unfinishedKey, there.revision);
  };
  await withOperationLock(etcd, holderOf(installation.operator, doing), () =>
    runBesides(installation, region, `${doing}: ${agreed.doing}`, forget),
  );
}

/** A region that is unreachable keeps its record: nothing can be said about it, and nobody needs to wait for it. */
async function removeRecord(etcd: Etcd, doing: string): Promise<void> {
  try {
    const there = await readUnfinished(etcd);
    if (there?.value.doing === doing) await etcd.remove(unfinishedKey, there.revision);
  } catch (error) {
    if (!(error instanceof HostUnreachableError)) throw error;
  }
}
