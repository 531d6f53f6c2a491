import { hostname } from 'node:os';
import type { Region } from '@pgha/infra/cluster';
import { etcdOn } from '../clients/etcd.ts';
import { RefusedError, UsageError } from '../exit-codes.ts';
import { hostsOf, type Installation } from '../installation/installation.ts';
import { type AuditEntry, writeAudit } from './audit.ts';
import { type LockHolder, type LockSurroundings, withOperationLock } from './lock.ts';
import { beginOperation, type Memory } from './unfinished.ts';

/** What the work of an operation gets. */
export interface OperationRun {
  /** Aborts when the user stops the command or the lock is lost. */
  signal: AbortSignal;
  memory: Memory;
}

/**
 * Runs an operation as the only one on its region's cluster, remembers what it decided until it has ended, and leaves an audit
 * line at its beginning and its end. A command that was interrupted goes on when it is run again.
 *
 * @param region whose etcd holds the lock: the one that acts as primary when the operation is about both.
 * @param doing the command, as it was typed after `pgha`; never a secret.
 * @throws RefusedError while another operation is in progress, or when another one was interrupted.
 */
export async function runOperation<T>(
  installation: Installation,
  region: Region,
  doing: string,
  work: (run: OperationRun) => Promise<T>,
  around?: LockSurroundings,
): Promise<T> {
  const hosts = hostsOf(installation, region, 'etcd');
  const { operator } = installation;
  const audit = async (result: AuditEntry['result'], detail?: string) => {
    const entry = {
      operator,
      doing,
      at: new Date().toISOString(),
      result,
      ...(detail === undefined ? {} : { detail }),
    };
    return writeAudit(hosts, entry);
  };
  const holder = holderOf(operator, doing);
  const etcd = etcdOn(hosts);
  const locked = async (lost: AbortSignal) => {
    const { memory, end } = await beginOperation(etcd, { doing, operator, since: holder.since });
    if ((await audit('started')).length === 0)
      throw new Error(
        `cannot write the audit log entry: no etcd node of ${region.awsRegion} accepted it. Nothing was changed`,
      );
    try {
      const result = await work({ signal: AbortSignal.any([installation.signal, lost]), memory });
      await audit('done');
      // last: a command that dies before finds its choices again and does nothing twice
      await end();
      return result;
    } catch (error) {
      const [line = ''] = (error as Error).message.split('\n');
      // a first run that refused has changed nothing: there is nothing to go on with
      const isRefusal = error instanceof RefusedError || error instanceof UsageError;
      if (isRefusal && !memory.isResumed) await end();
      await audit(isRefusal ? 'refused' : 'failed', line);
      throw error;
    }
  };
  return withOperationLock(etcd, holder, locked, around);
}

/** This process, as others are told who keeps them out. */
export function holderOf(operator: string, doing: string): LockHolder {
  return { operator, computer: hostname(), pid: process.pid, doing, since: new Date().toISOString() };
}

/**
 * Does something that changes nothing anybody else relies on, a backup or a look into one: it takes no lock, because hours of it
 * must not stand in the way of a failover, and leaves its audit lines.
 *
 * @param doing as for `runOperation`.
 */
export async function runBesides<T>(
  installation: Installation,
  region: Region,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  const hosts = hostsOf(installation, region, 'etcd');
  const { operator } = installation;
  const audit = (result: AuditEntry['result'], detail: { detail?: string } = {}) =>
    writeAudit(hosts, { operator, doing, at: new Date().toISOString(), result, ...detail });
  await audit('started');
  try {
    const result = await work();
    await audit('done');
    return result;
  } catch (error) {
    const [detail = ''] = (error as Error).message.split('\n');
    await audit(error instanceof RefusedError || error instanceof UsageError ? 'refused' : 'failed', { detail });
    throw error;
  }
}
