import type { Region } from '@pgha/infra/cluster';
import type { Installation } from '../installation/installation.ts';
import type { Guard, Operation, OperationContext } from './engine/operation.ts';
import { nothingObserved } from './engine/operation.ts';
import { execute } from './engine/run.ts';

/** What the work of an operation gets. */
export interface OperationRun {
  /** Aborts when the user stops the command or the lock is lost. */
  signal: AbortSignal;
  memory: Memory;
}

/** What an operation remembers of itself from one run to the next. */
export interface Memory extends Pick<OperationContext, 'isResumed' | 'since'> {
  /** The choice that was made under this name, in this run or before, or the one that is made now and kept. */
  choose(name: string, make: () => string): Promise<string>;
  /** null: none yet. */
  recall(name: string): string | null;
}

/** Runs an operation that is not written as one yet: the whole of it is its result. */
export async function runOperation<T>(
  installation: Installation,
  region: Region,
  doing: string,
  work: (run: OperationRun) => Promise<T>,
): Promise<T> {
  return runGuarded(installation, { kind: 'exclusive', regions: [region] }, doing, work);
}

/** The same of one that takes no lock. */
export async function runBesides<T>(
  installation: Installation,
  region: Region,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  return runGuarded(installation, { kind: 'concurrent', region }, doing, work);
}

/** @param prepare before the second region's etcd can be asked. */
export async function runGuarded<T>(
  installation: Installation,
  guard: Guard,
  doing: string,
  work: (run: OperationRun) => Promise<T>,
  prepare: () => Promise<void> = async () => undefined,
): Promise<T> {
  const operation: Operation<null, never, T> = {
    observe: nothingObserved,
    commandLine: () => doing,
    guard: () => guard,
    question: () => null,
    opening: () => [{ title: 'prepare', run: prepare }],
    choices: {},
    plan: (context) => ({
      steps: [],
      result: () => work({ signal: context.signal, memory: memoryOf(context) }),
    }),
  };
  const ended = await execute(operation, installation, {
    perform: async (steps) => {
      for (const step of steps) await step.run(() => undefined);
    },
  });
  if (ended === null) throw new Error(`${doing} was only shown`);
  return ended.result;
}

function memoryOf({ since, isResumed, kept, keep }: OperationContext): Memory {
  return { since, isResumed, recall: kept, choose: async (name, make) => kept(name) ?? keep(name, make()) };
}
