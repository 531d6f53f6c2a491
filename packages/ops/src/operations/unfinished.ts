import type { Etcd } from '../clients/etcd.ts';
import { RefusedError } from '../exit-codes.ts';

/** An operation that began and has not ended: in progress, or interrupted. */
export interface Unfinished {
  /** The command, as it was typed after `pgha`. */
  doing: string;
  operator: string;
  since: string;
  /** What it decided before its first step, so that it decides the same when it is run again. */
  choices: Readonly<Record<string, string>>;
}

export const unfinishedKey = '/pgha/unfinished';

/** What an operation remembers of itself from one run to the next. */
export interface Memory {
  /**
   * The choice made under this name when the same command was run before and cut off, or the one that is made now and kept
   * before anything is built on it. An operation that never chooses is not remembered: it may be interrupted anywhere.
   */
  choose(name: string, make: () => string): Promise<string>;
  /** The choice that was made under this name, in this run or before; null: none yet. */
  recall(name: string): string | null;
  /** When the operation was first run; RFC 3339. */
  since: string;
  /** Whether this run goes on with one that was interrupted. */
  isResumed: boolean;
}

/**
 * Begins an operation, or goes on with it: the same command that was interrupted.
 *
 * @returns `end` forgets it, once it is done.
 * @throws RefusedError when another one was interrupted: half of it may be in force.
 */
export async function beginOperation(
  etcd: Etcd,
  started: Omit<Unfinished, 'choices'>,
): Promise<{ memory: Memory; end(): Promise<void> }> {
  const there = await readUnfinished(etcd);
  if (there !== null && there.value.doing !== started.doing) {
    const { doing, operator, since } = there.value;
    throw new RefusedError(
      `an earlier operation was interrupted: "pgha ${doing}", started by ${operator} at ${since}. ` +
        'Run the same command again to resume it, or discard it with "pgha operations forget"; changes already made are not rolled back',
    );
  }
  let value: Unfinished = there?.value ?? { ...started, choices: {} };
  // 0: nothing is written yet
  let revision = there?.revision ?? 0;
  return {
    memory: {
      since: value.since,
      isResumed: there !== null,
      recall: (name) => value.choices[name] ?? null,
      choose: async (name, make) => {
        const chosen = value.choices[name];
        if (chosen !== undefined) return chosen;
        const made = make();
        value = { ...value, choices: { ...value.choices, [name]: made } };
        revision = await write(etcd, revision, value);
        return made;
      },
    },
    end: async () => {
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
