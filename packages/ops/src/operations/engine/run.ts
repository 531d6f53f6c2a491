import { hostname } from 'node:os';
import type { Region } from '@pgha/infra/cluster';
import { etcdOn } from '../../clients/etcd.ts';
import { RefusedError, UsageError } from '../../exit-codes.ts';
import { hostsOf, type Installation } from '../../installation/installation.ts';
import type { Perform, Step } from '../../step.ts';
import { type AuditEntry, writeAudit } from './audit.ts';
import { beginJournal, createJournal, type Journal } from './journal.ts';
import { type LockHolder, withOperationLock } from './lock.ts';
import type { Choices, Choosers, Operation, OperationContext } from './operation.ts';
import { type OperationRecord, openRecord } from './record.ts';

/** What a run of an operation does with it. */
export interface Ways<View> {
  perform: Perform;
  /** Gets what was observed before anything else; false: there is nothing to do. */
  seen?(view: View): boolean;
  /** Given for a dry run: gets the steps, which are not run. */
  preview?(steps: readonly Step[], view: View): void;
  /** Asks the operator; absent: they agree. @throws RefusedError when they do not. */
  agree?(question: string): Promise<void>;
}

/**
 * Runs an operation: observes, asks, takes the locks, resumes what the same command left unfinished or begins, performs the steps,
 * and writes audit log entries at the beginning and the end.
 *
 * @returns what it ended with; null: nothing was to be done, or only shown.
 * @throws RefusedError while another operation is in progress, when another one was interrupted, and when the operator says no.
 */
export async function execute<View, Choice extends string, Result>(
  operation: Operation<View, Choice, Result>,
  installation: Installation,
  ways: Ways<View>,
): Promise<{ result: Result } | null> {
  const view = await operation.observe(installation);
  if (ways.seen?.(view) === false) return null;
  if (ways.preview !== undefined) {
    ways.preview(await stepsOf(operation, installation, view), view);
    return null;
  }
  const question = operation.question(view);
  if (question !== null) await ways.agree?.(question);
  const doing = operation.commandLine(view);
  const guard = operation.guard(view);
  const work = async (open: OpenOperation) => {
    const { journal } = open;
    try {
      const result = await runPlan(createContext(open), operation, view, ways.perform, open);
      await journal.append({ kind: 'end' });
      return result;
    } catch (error) {
      if (isRefusal(error) && !open.isResumed) await journal.append({ kind: 'abandon' });
      throw error;
    }
  };
  if (guard.kind === 'none') return { result: await work(unguarded(installation)) };
  if (guard.kind === 'concurrent') {
    const result = await audited(installation, guard.region, doing, () => work(unguarded(installation)));
    return { result };
  }
  const holder = holderOf(installation.operator, doing);
  const opening = (signal: AbortSignal) => ways.perform(operation.opening?.({ ...installation, signal }, view) ?? []);
  return { result: await underLocks({ installation, holder, opening, work }, guard.regions) };
}

/** The steps of an operation as they would run now; nothing is changed. */
async function stepsOf<View, Choice extends string, Result>(
  operation: Pick<Operation<View, Choice, Result>, 'choices' | 'plan' | 'opening'>,
  installation: Installation,
  view: View,
): Promise<readonly Step[]> {
  const context = previewContext(installation);
  const choices = await choose(operation.choices, view, context);
  const { steps } = await operation.plan(context, view, choices);
  return [...(operation.opening?.(installation, view) ?? []), ...steps];
}

/** An operation under its locks. */
interface OpenOperation {
  installation: Installation;
  journal: Journal;
  isResumed: boolean;
  since: string;
}

interface Locking<Result> {
  installation: Installation;
  holder: LockHolder;
  opening(signal: AbortSignal): Promise<void>;
  work(open: OpenOperation): Promise<Result>;
}

/**
 * Takes the lock of each region in turn and opens its record. The first region's record is written first and removed last, so that a
 * run that is interrupted in between finds it.
 */
async function underLocks<Result>(
  locking: Locking<Result>,
  regions: readonly Region[],
  records: readonly OperationRecord[] = [],
  signal: AbortSignal = locking.installation.signal,
): Promise<Result> {
  const { installation, holder } = locking;
  const [region, ...others] = regions;
  if (region === undefined) return locking.work(openOperation(installation, records, signal));
  const hosts = hostsOf(installation, region, 'etcd');
  const etcd = etcdOn(hosts);
  return withOperationLock(etcd, holder, async (lost) => {
    const stopped = AbortSignal.any([signal, lost]);
    const { operator, doing, since } = holder;
    const record = await openRecord(etcd, { doing, operator, since });
    const audit = (result: AuditEntry['result'], detail?: string) =>
      writeAudit(hosts, auditEntry(operator, doing, result, detail));
    if ((await audit('started')).length === 0)
      throw new Error(
        `cannot write the audit log entry: no etcd node of ${region.awsRegion} accepted it. Nothing was changed`,
      );
    try {
      if (records.length === 0) await locking.opening(stopped);
      const result = await underLocks(locking, others, [...records, record], stopped);
      await audit('done');
      // last: a command that dies before finds its choices again and does nothing twice
      await record.remove();
      return result;
    } catch (error) {
      // a first run that was refused has changed nothing: there is nothing to resume
      if (isRefusal(error) && !record.isResumed) await record.remove();
      await audit(isRefusal(error) ? 'refused' : 'failed', firstLine(error));
      throw error;
    }
  });
}

function openOperation(
  installation: Installation,
  records: readonly OperationRecord[],
  signal: AbortSignal,
): OpenOperation {
  const isResumed = records.some((record) => record.isResumed);
  // what the first one says counts
  const found = Object.assign({}, ...records.map(({ choices }) => choices).reverse()) as OperationRecord['choices'];
  // a run that was killed between both records left the second one without what the first one has
  const isStored = records.every(({ choices }) => Object.keys(choices).length === Object.keys(found).length);
  const store = async (entries: OperationRecord['choices']) => {
    for (const record of records) await record.write(entries);
  };
  const journal = createJournal(beginJournal(isResumed ? found : null), store, isStored);
  return {
    installation: { ...installation, signal },
    journal,
    isResumed,
    since: records[0]?.since ?? new Date().toISOString(),
  };
}

function unguarded(installation: Installation): OpenOperation {
  const journal = createJournal(beginJournal(null), async () => undefined);
  return { installation, journal, isResumed: false, since: new Date().toISOString() };
}

async function runPlan<View, Choice extends string, Result>(
  context: OperationContext & Outputs,
  operation: Pick<Operation<View, Choice, Result>, 'choices' | 'plan'>,
  view: View,
  perform: Perform,
  { journal }: Pick<OpenOperation, 'journal'>,
): Promise<Result> {
  const choices = await choose(operation.choices, view, context);
  await journal.append({ kind: 'choose', choices });
  const plan = await operation.plan(context, view, choices);
  await perform(plan.steps.map((step) => journalled(step, journal, context)));
  return await plan.result();
}

/** A step that tells the journal and leaves its output where its handle finds it. */
function journalled(step: Step, journal: Journal, { outputs }: Outputs): Step {
  const { title } = step;
  return {
    ...step,
    run: async (report) => {
      await journal.append({ kind: 'start', step: title });
      try {
        outputs.set(step, await step.run(report));
      } catch (error) {
        await journal.append({ kind: 'fail', step: title });
        throw error;
      }
      await journal.append({ kind: 'finish', step: title });
    },
  };
}

/** Chooses what no earlier run has chosen. */
async function choose<View, Choice extends string>(
  choosers: Choosers<View, Choice>,
  view: View,
  context: OperationContext,
): Promise<Choices<Choice>> {
  const made: Partial<Record<Choice, string>> = {};
  for (const key of Object.keys(choosers) as Choice[]) {
    made[key] = context.kept(key) ?? (await choosers[key](view, context, made));
  }
  return made as Choices<Choice>;
}

interface Outputs {
  outputs: Map<unknown, unknown>;
}

function createContext(open: OpenOperation): OperationContext & Outputs {
  const { installation, journal, isResumed, since } = open;
  const outputs = new Map<unknown, unknown>();
  const kept = (key: string) => journal.entries()[key] ?? null;
  return {
    installation,
    signal: installation.signal,
    isPreview: false,
    isResumed,
    since,
    outputs,
    outputOf: <Output>(step: Step<Output>) => (outputs.get(step) as Output | undefined) ?? null,
    kept,
    keep: async (key, value) => {
      const before = kept(key);
      if (before === null) await journal.append({ kind: 'keep', key, value });
      return before ?? value;
    },
  };
}

/** For a plan that is only shown: nothing was chosen before, and nothing is kept. */
function previewContext(installation: Installation): OperationContext {
  const notNow = () => {
    throw new Error('an operation that is only shown was run');
  };
  return {
    installation,
    signal: installation.signal,
    isPreview: true,
    isResumed: false,
    since: new Date().toISOString(),
    outputOf: () => null,
    kept: () => null,
    keep: notNow,
  };
}

/**
 * Does something that changes nothing another operation relies on: it takes no lock, because hours of it must not stand in the way of
 * a failover, and leaves its audit log entries.
 */
async function audited<T>(
  installation: Installation,
  region: Region,
  doing: string,
  work: () => Promise<T>,
): Promise<T> {
  const hosts = hostsOf(installation, region, 'etcd');
  const audit = (result: AuditEntry['result'], detail?: string) =>
    writeAudit(hosts, auditEntry(installation.operator, doing, result, detail));
  await audit('started');
  try {
    const result = await work();
    await audit('done');
    return result;
  } catch (error) {
    await audit(isRefusal(error) ? 'refused' : 'failed', firstLine(error));
    throw error;
  }
}

/** This process, as others are told who keeps them out. */
export function holderOf(operator: string, doing: string): LockHolder {
  return { operator, computer: hostname(), pid: process.pid, doing, since: new Date().toISOString() };
}

const isRefusal = (error: unknown): boolean => error instanceof RefusedError || error instanceof UsageError;

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0] ?? '';

function auditEntry(operator: string, doing: string, result: AuditEntry['result'], detail?: string): AuditEntry {
  return { operator, doing, at: new Date().toISOString(), result, ...(detail === undefined ? {} : { detail }) };
}
