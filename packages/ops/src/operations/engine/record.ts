import type { Etcd } from '../../clients/etcd.ts';
import { RefusedError } from '../../exit-codes.ts';

/** An operation that began and has not ended: in progress, or interrupted. */
export interface Unfinished {
  /** The command, as it was typed after `pgha`. */
  doing: string;
  operator: string;
  since: string;
  /** What it decided before its first step and found out on its way, so that it decides the same when it is run again. */
  choices: Readonly<Record<string, string>>;
}

export const unfinishedKey = '/pgha/unfinished';

/** The record of an operation in one region's etcd. */
export interface OperationRecord {
  /** When the first run of it started; RFC 3339. */
  since: string;
  isResumed: boolean;
  /** As they were found. */
  choices: Unfinished['choices'];
  /** Replaces the choices. An operation without any has no record: it may be interrupted anywhere. */
  write(choices: Unfinished['choices']): Promise<void>;
  /** Once it is done. */
  remove(): Promise<void>;
}

/**
 * Opens the record of an operation: a new one, or that of the same command, which was interrupted.
 *
 * @throws RefusedError when another one was interrupted: half of it may be in force.
 */
export async function openRecord(etcd: Etcd, started: Omit<Unfinished, 'choices'>): Promise<OperationRecord> {
  const there = await readUnfinished(etcd);
  if (there !== null && there.value.doing !== started.doing) {
    const { doing, operator, since } = there.value;
    throw new RefusedError(
      `an earlier operation was interrupted: "pgha ${doing}", started by ${operator} at ${since}. ` +
        'Run the same command again to resume it, or discard it with "pgha operations forget"; changes already made are not rolled back',
    );
  }
  const value: Unfinished = there?.value ?? { ...started, choices: {} };
  // 0: nothing is written yet
  let revision = there?.revision ?? 0;
  return {
    since: value.since,
    isResumed: there !== null,
    choices: value.choices,
    write: async (choices) => {
      revision = await write(etcd, revision, { ...value, choices });
    },
    remove: async () => {
      if (revision !== 0) await etcd.remove(unfinishedKey, revision);
    },
  };
}

/** The operation that was interrupted, if there is one, with the revision of its record. */
export async function readUnfinished(etcd: Etcd): Promise<{ value: Unfinished; revision: number } | null> {
  const stored = await etcd.read(unfinishedKey);
  return stored === null
    ? null
    : { value: JSON.parse(decodeURIComponent(stored.value)) as Unfinished, revision: stored.revision };
}

async function write(etcd: Etcd, revision: number, value: Unfinished): Promise<number> {
  const text = encodeURIComponent(JSON.stringify(value));
  const other = await etcd.swap(unfinishedKey, revision, text, null);
  const stored = other === null ? await etcd.read(unfinishedKey) : null;
  if (stored === null)
    throw new RefusedError('another operation started at the same time. Check "pgha operations list"');
  return stored.revision;
}
