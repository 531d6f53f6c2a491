/**
 * What an operation has done so far, as a log whose illegal transitions are refused: a step never starts before what it is
 * built on has been chosen, two steps never run at once, no choice changes, and nothing follows the end.
 *
 * Only choices and kept values are stored, because they cannot be found out again. Whether a step is done is read from the cluster
 * by the step itself: a journal could be wrong about that, and each entry would cost a round trip to etcd during a failover.
 */
export interface Journal {
  /** What was chosen and kept, by this run and earlier ones. */
  entries(): Readonly<Record<string, string>>;
  /** @throws IllegalTransitionError when this event cannot follow; it is then neither stored nor applied. */
  append(event: JournalEvent): Promise<void>;
}

export type JournalEvent =
  /** Everything the following steps are planned from; empty when that is nothing. */
  | { kind: 'choose'; choices: Readonly<Record<string, string>> }
  | { kind: 'keep'; key: string; value: string }
  | { kind: 'start'; step: string }
  | { kind: 'finish'; step: string }
  | { kind: 'fail'; step: string }
  /** It did all it was to do. */
  | { kind: 'end' }
  /** It was refused before it changed anything: there is nothing to resume. */
  | { kind: 'abandon' };

export interface JournalState {
  phase: 'begun' | 'planned' | 'running' | 'failed' | 'ended';
  /** The step that is running, or that failed. */
  step: string | null;
  entries: Readonly<Record<string, string>>;
  isResumed: boolean;
}

export class IllegalTransitionError extends Error {
  constructor(state: JournalState, event: JournalEvent, why: string) {
    const step = state.step === null ? '' : ` (step "${state.step}")`;
    super(`illegal transition of the operation journal: ${event.kind} while ${state.phase}${step}: ${why}`);
    this.name = 'IllegalTransitionError';
  }
}

/** @param entries what an interrupted run left; null: this is the first one. */
export function beginJournal(entries: Readonly<Record<string, string>> | null): JournalState {
  return { phase: 'begun', step: null, entries: entries ?? {}, isResumed: entries !== null };
}

/** The state after an event. Pure. @throws IllegalTransitionError */
export function advance(state: JournalState, event: JournalEvent): JournalState {
  const illegal = (why: string) => new IllegalTransitionError(state, event, why);
  const { phase } = state;
  if (phase === 'ended') throw illegal('the operation has ended');
  switch (event.kind) {
    case 'choose':
      if (phase !== 'begun' && phase !== 'planned') throw illegal('choices are made between steps only');
      return { ...state, phase: 'planned', entries: extended(state.entries, event.choices, illegal) };
    case 'keep':
      if (phase === 'begun' || phase === 'failed') throw illegal('only a planned operation finds something out');
      return { ...state, entries: extended(state.entries, { [event.key]: event.value }, illegal) };
    case 'start':
      if (phase !== 'planned') throw illegal('a step starts after the choices, and after the step before it');
      return { ...state, phase: 'running', step: event.step };
    case 'finish':
    case 'fail':
      if (phase !== 'running' || state.step !== event.step) throw illegal(`"${event.step}" is not running`);
      return event.kind === 'finish' ? { ...state, phase: 'planned', step: null } : { ...state, phase: 'failed' };
    case 'end':
      if (phase !== 'planned') throw illegal('an operation ends after its last step');
      return { ...state, phase: 'ended' };
    case 'abandon':
      if (state.isResumed) throw illegal('the interrupted run may have changed something');
      return { ...state, phase: 'ended' };
  }
}

function extended(
  entries: JournalState['entries'],
  added: Readonly<Record<string, string>>,
  illegal: (why: string) => Error,
): JournalState['entries'] {
  for (const [key, value] of Object.entries(added)) {
    if (Object.hasOwn(entries, key) && entries[key] !== value) throw illegal(`"${key}" was decided before`);
  }
  return { ...entries, ...added };
}

/**
 * @param store writes the entries; called before an event that changes them counts.
 * @param isStored whether what the journal begins with is stored everywhere; if not, it is with the first choice.
 */
export function createJournal(
  first: JournalState,
  store: (entries: Readonly<Record<string, string>>) => Promise<void>,
  isStored = true,
): Journal {
  let state = first;
  let isWhole = isStored;
  return {
    entries: () => state.entries,
    append: async (event) => {
      const next = advance(state, event);
      const isNew = Object.keys(next.entries).length > Object.keys(state.entries).length;
      if (isNew || (event.kind === 'choose' && !isWhole)) {
        await store(next.entries);
        isWhole = true;
      }
      state = next;
    },
  };
}
