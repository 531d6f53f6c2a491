import type { Region } from '@pgha/infra/cluster';
import type { Installation } from '../../installation/installation.ts';
import type { Step } from '../../step.ts';

/**
 * Something that an operator does to a running cluster, as a value: one runner (`run.ts`) serves its dry run, its confirmation
 * prompt, its lock, its journal and its audit log, for the command line, for the lab's faults and for the tests.
 *
 * `View` is what it observes before an operator is asked, `Choice` names the choices that are journalled, `Result` is what it
 * ends with.
 */
export interface Operation<View, Choice extends string, Result> {
  /** Looks; changes nothing. Runs before the operator is asked and before the lock is taken. */
  observe(installation: Installation): Promise<View>;
  /** The command as it is typed after `pgha`, the same words for the same work, never a secret: it names the lock, the journal and the audit log entry. */
  commandLine(view: View): string;
  /** @throws RefusedError where it can be told before an operator is asked. */
  guard(view: View): Guard;
  /** What an operator has to agree to; null: nothing. @throws RefusedError where it would be refused anyway. */
  question(view: View): string | null;
  /** Steps under the first region's lock, without which the second region's etcd would not respond. Every run repeats them. */
  opening?(installation: Installation, view: View): readonly Step[];
  choices: Choosers<View, Choice>;
  /** The steps, from what was observed and chosen. Called once per run; a dry run calls it with `isPreview`. */
  plan(context: OperationContext, view: View, choices: Choices<Choice>): Plan<Result> | Promise<Plan<Result>>;
}

/** What keeps other operations away. */
export type Guard =
  /** It is the only operation on these regions' clusters. They are locked in this order; the first one's journal counts. */
  | { kind: 'exclusive'; regions: readonly [Region, ...Region[]] }
  /** It changes nothing that another operation relies on, and may take hours: it is only audited, in this region. */
  | { kind: 'concurrent'; region: Region }
  /** There is no cluster yet whose etcd could hold a lock. */
  | { kind: 'none' };

export type Choices<Choice extends string> = Readonly<Record<Choice, string>>;

/**
 * Decides what the plan is built on: one function per journal key. They run under the lock, in order, and only for what no
 * earlier run of the same command has chosen; all of them are journalled before the first step.
 */
export type Choosers<View, Choice extends string> = {
  readonly [key in Choice]: (
    view: View,
    context: OperationContext,
    earlier: Readonly<Partial<Record<Choice, string>>>,
  ) => string | Promise<string>;
};

/** The steps of an operation, and what it ends with. */
interface Plan<Result> {
  steps: readonly Step[];
  /** Called once all steps have run or were done; reads what they returned with `outputOf`. */
  result(): Result | Promise<Result>;
}

/** What a plan is made with. */
export interface OperationContext {
  /** Its signal also aborts when an operation lock expires. */
  installation: Installation;
  signal: AbortSignal;
  /** The steps are only shown: nothing is changed, and nobody is waited for. */
  isPreview: boolean;
  /** An earlier run of the same command was interrupted. */
  isResumed: boolean;
  /** When the first run of it started; RFC 3339. */
  since: string;
  /** What a step of this run returned; null: it was done already, or has not run yet. */
  outputOf<Output>(step: Step<Output>): Output | null;
  /** Journals something that a step found out and that could not be found out again. The first value counts, and is returned. */
  keep(key: string, value: string): Promise<string>;
  /** What was journalled under this key, chosen or kept, by this run or an earlier one. */
  kept(key: string): string | null;
}

/** For operations that need not look before they are under their lock. */
export const nothingObserved = async (): Promise<null> => null;
