import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decide, type MemberView, type Observation } from './decision.ts';
import { createModel, FAULTS } from './pair-model.ts';
import type { PairState } from './state.ts';

const up: MemberView = {
  phase: 'running',
  answers: true,
  inRecovery: false,
  held: false,
  hasRun: true,
  failures: 0,
  retryAtMs: 0,
};
const down: MemberView = { ...up, phase: 'stopped', answers: false, inRecovery: null };
const following: MemberView = { ...up, inRecovery: true };
const synchronous: PairState = { version: 1, phase: 'ready', primary: 'pg1', synchronous: 'pg2', stale: [] };
const alone: PairState = { ...synchronous, synchronous: null };

function seen(change: Partial<Observation>): Observation {
  return {
    nowMs: 100_000,
    state: synchronous,
    members: { pg1: up, pg2: following },
    waitsFor: 'pg2',
    waitsSince: null,
    stream: { streaming: true, flushedTo: 100n },
    streamMissingMs: 0,
    slotLost: false,
    automaticFailover: true,
    promoteAtMs: 0,
    ...change,
  };
}

describe('decision', () => {
  it('does nothing while the primary serves and the replica follows', () => {
    expect(decide(seen({}))).toEqual({ do: 'nothing' });
  });

  it('promotes the synchronous replica when the primary is lost', () => {
    const lost = seen({ members: { pg1: down, pg2: following } });
    expect(decide(lost)).toEqual({ do: 'fail-over', from: 'pg1', to: 'pg2' });
  });

  it('starts a lost primary again when the replica may lack a write', () => {
    const lost = seen({ state: alone, waitsFor: null, members: { pg1: down, pg2: following } });
    expect(decide(lost)).toEqual({ do: 'start', member: 'pg1' });
  });

  it('starts a lost primary again when the synchronous replica is lost too', () => {
    expect(decide(seen({ members: { pg1: down, pg2: down } }))).toEqual({ do: 'start', member: 'pg1' });
  });

  it('starts the primary first when nothing has run yet', () => {
    const cold = { ...down, hasRun: false };
    expect(decide(seen({ members: { pg1: cold, pg2: following } }))).toEqual({ do: 'start', member: 'pg1' });
  });

  it('promotes when the primary repeatedly fails to start', () => {
    const broken = { ...down, hasRun: false, failures: 2 };
    const action = decide(seen({ members: { pg1: broken, pg2: following } }));
    expect(action).toEqual({ do: 'fail-over', from: 'pg1', to: 'pg2' });
  });

  it('waits with the promotion while it is being delayed, and does not restart the primary meanwhile', () => {
    const delayed = seen({ members: { pg1: { ...down, held: true }, pg2: following }, promoteAtMs: 100_001 });
    expect(decide(delayed)).toEqual({ do: 'nothing' });
    expect(decide({ ...delayed, nowMs: 100_001 })).toMatchObject({ do: 'fail-over' });
  });

  it('leaves a primary that a fault has stopped alone when failover is not automatic', () => {
    const members = { pg1: { ...down, held: true }, pg2: following };
    expect(decide(seen({ automaticFailover: false, members }))).toEqual({ do: 'nothing' });
  });

  it('finishes a promotion that was recorded and not done', () => {
    expect(decide(seen({ state: alone, members: { pg1: following, pg2: down } }))).toEqual({
      do: 'promote',
      member: 'pg1',
    });
  });

  it('goes on alone at once when the replica has ended, and after three seconds without its stream', () => {
    const goAlone = { do: 'go-alone', replica: 'pg2' };
    expect(decide(seen({ members: { pg1: up, pg2: down }, stream: null }))).toEqual(goAlone);
    expect(decide(seen({ stream: null, streamMissingMs: 3_000 }))).toEqual(goAlone);
    expect(decide(seen({ stream: null, streamMissingMs: 2_999 }))).toEqual({ do: 'nothing' });
    const hung = { ...following, answers: false, inRecovery: null };
    expect(decide(seen({ stream: null, streamMissingMs: 1_000, members: { pg1: up, pg2: hung } }))).toEqual(goAlone);
    const starting = { ...hung, phase: 'starting' as const };
    const late = seen({ stream: null, streamMissingMs: 9_999, members: { pg1: up, pg2: starting } });
    expect(decide(late)).toEqual({ do: 'nothing' });
  });

  it('records the replica as synchronous only when it has flushed what was acknowledged without it', () => {
    const joining = seen({ state: alone, waitsFor: 'pg2', waitsSince: 101n });
    expect(decide(joining)).toEqual({ do: 'nothing' });
    expect(decide({ ...joining, waitsSince: null })).toEqual({ do: 'nothing' });
    expect(decide({ ...joining, waitsSince: 100n })).toEqual({ do: 'record-synchronous', replica: 'pg2' });
  });

  it('asks a replica that streams again to acknowledge', () => {
    const back = seen({ state: alone, waitsFor: null });
    expect(decide(back)).toEqual({ do: 'wait-for-replica', replica: 'pg2' });
    expect(decide({ ...back, stream: { streaming: false, flushedTo: 1n } })).toEqual({ do: 'nothing' });
  });

  it('builds a replica anew that is stale, has lost its WAL, or fails to start three times', () => {
    const rebuild = { do: 'rebuild', member: 'pg2' };
    const gone = seen({ state: alone, waitsFor: null, stream: null, members: { pg1: up, pg2: down } });
    expect(decide(gone)).toEqual({ do: 'start', member: 'pg2' });
    expect(decide({ ...gone, state: { ...alone, stale: ['pg2'] } })).toEqual(rebuild);
    expect(decide({ ...gone, slotLost: true })).toEqual(rebuild);
    expect(decide({ ...gone, members: { pg1: up, pg2: { ...down, failures: 3 } } })).toEqual(rebuild);
  });

  it('neither starts nor builds a replica that is held down or pausing after a failure', () => {
    const gone = (change: Partial<MemberView>) =>
      decide(seen({ state: alone, waitsFor: null, stream: null, members: { pg1: up, pg2: { ...down, ...change } } }));
    expect(gone({ held: true })).toEqual({ do: 'nothing' });
    expect(gone({ retryAtMs: 100_001 })).toEqual({ do: 'nothing' });
  });
});

describe('decisions, one after another, under any order of faults', () => {
  const faults = fc.array(fc.constantFrom(...FAULTS), { maxLength: 80 });

  it('never lose an acknowledged write and never let two members write', () => {
    fc.assert(
      fc.property(faults, (steps) => {
        const model = createModel(decide);
        for (const step of steps) {
          model.apply(step);
          expect(model.violations()).toEqual([]);
        }
      }),
      { numRuns: 10_000 },
    );
  });

  it('end with a synchronous pair when the faults end', () => {
    fc.assert(
      fc.property(faults, (steps) => {
        const model = createModel(decide);
        for (const step of steps) model.apply(step);
        expect(model.heal()).toBe('settled');
        expect(model.violations()).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('would lose writes if a replica were promoted that is not recorded as synchronous', () => {
    const careless: typeof decide = (observation) =>
      decide({
        ...observation,
        state: { ...observation.state, synchronous: observation.state.primary === 'pg1' ? 'pg2' : 'pg1' },
      });
    const losesNothing = fc.check(
      fc.property(faults, (steps) => {
        const model = createModel(careless);
        for (const step of steps) model.apply(step);
        return model.violations().length === 0;
      }),
      { numRuns: 10_000 },
    );
    expect(losesNothing.failed).toBe(true);
  });
});
