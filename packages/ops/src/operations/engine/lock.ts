import { operationLockKey } from '@pgha/infra/machines';
import type { Etcd } from '../../clients/etcd.ts';
import { RefusedError } from '../../exit-codes.ts';

/** Who works on the cluster, for the one who is refused. */
export interface LockHolder {
  /** Who: an IAM identity, or a user and a computer. */
  operator: string;
  /** The computer the command runs on, and its process there. */
  computer: string;
  pid: number;
  /** The command, as it was typed after `pgha`. */
  doing: string;
  since: string;
}

/** The key that one operation at a time holds, in the acting region's etcd. */
export const lockKey = operationLockKey;

/** A command that was killed keeps the others out for this long; one whose etcd changes its leader keeps the lock. */
const leaseSeconds = 60;
const renewEveryMs = 15_000;

/** The parts of the surroundings that decide whether a holder is still there; a test brings its own. */
export interface LockSurroundings {
  /** Is there such a process on this computer? */
  isAlive(pid: number): boolean;
  renewEveryMs: number;
}

const realSurroundings: LockSurroundings = {
  isAlive: (pid) => {
    try {
      return process.kill(pid, 0);
    } catch (error) {
      // it is there and somebody else's
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  },
  renewEveryMs,
};

/** Who is at work on the cluster; null: nobody, or a command that has died on this computer. */
export async function readHolder(
  etcd: Etcd,
  computer: string,
  { isAlive }: Pick<LockSurroundings, 'isAlive'> = realSurroundings,
): Promise<LockHolder | null> {
  const stored = await etcd.read(lockKey);
  if (stored === null) return null;
  const holder = JSON.parse(decodeURIComponent(stored.value)) as LockHolder;
  return holder.computer === computer && !isAlive(holder.pid) ? null : holder;
}

/**
 * Does something that nobody else may do to this cluster at the same time. The lock is a key with a lease: it ends by itself
 * when the command is killed, and a command whose lease was lost stops before its next step.
 *
 * @param work gets a signal that aborts when the lease is lost.
 * @throws RefusedError while another operation is in progress; the message says whose.
 */
export async function withOperationLock<T>(
  etcd: Etcd,
  holder: LockHolder,
  work: (lost: AbortSignal) => Promise<T>,
  around: LockSurroundings = realSurroundings,
): Promise<T> {
  const lease = await etcd.grantLease(leaseSeconds);
  const revision = await take(etcd, holder, lease, around).catch(async (error: unknown) => {
    await etcd.revokeLease(lease).catch(() => undefined);
    throw error;
  });
  const lost = new AbortController();
  let lastRenewedAt = Date.now();
  const renew = async () => {
    const isHeld = await etcd.keepAlive(lease).catch(() => null);
    if (isHeld === true) lastRenewedAt = Date.now();
    // an etcd that does not answer may answer again before the lease ends
    else if (isHeld === false || Date.now() - lastRenewedAt > leaseSeconds * 1_000) {
      lost.abort(
        new Error(
          'the operation lock on this cluster expired: another operation may start. Check "pgha status", then rerun the command',
        ),
      );
    }
  };
  const timer = setInterval(() => void renew(), around.renewEveryMs);
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(timer);
    // the lease ends by itself if this does not work
    await etcd
      .remove(lockKey, revision)
      .then(() => etcd.revokeLease(lease))
      .catch(() => undefined);
  }
}

/** Takes the key, or that of a command that has died on this computer. Returns the revision it was written at. */
async function take(etcd: Etcd, holder: LockHolder, lease: string, { isAlive }: LockSurroundings): Promise<number> {
  const value = encodeURIComponent(JSON.stringify(holder));
  let there = await etcd.swap(lockKey, 0, value, lease);
  if (there !== null && there.value !== '') {
    const other = JSON.parse(decodeURIComponent(there.value)) as LockHolder;
    const hasDied = other.computer === holder.computer && !isAlive(other.pid);
    if (hasDied) there = await etcd.swap(lockKey, there.revision, value, lease);
    if (there !== null) throw refusal(other);
  }
  const written = await etcd.read(lockKey);
  if (written === null || written.value !== value) {
    throw new RefusedError(
      'another operation acquired the lock on this cluster at the same time. Rerun the command once it has finished',
    );
  }
  return written.revision;
}

function refusal({ operator, computer, pid, doing, since }: LockHolder): RefusedError {
  return new RefusedError(
    `another operation is in progress: "pgha ${doing}", started by ${operator} on ${computer} (pid ${pid}) at ${since}. ` +
      `Wait until it finishes; if that process is no longer running, its lock expires within ${leaseSeconds} s`,
  );
}
