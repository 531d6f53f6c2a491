import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spaceSettings } from './config/bundled-units.ts';

const folder = fileURLToPath(new URL('./programs', import.meta.url));
const { limits, reserveBytes }: { limits: Limits; reserveBytes: number } = JSON.parse(spaceSettings);

interface Limits {
  full: number;
  almostFull: number;
  pauseSeconds: number;
  retrySeconds: number;
}

/** What an expression gives in the machines' own program for each of the values; `space` and `x` are there. */
function evaluate(expression: string, values: readonly unknown[]): unknown[] {
  const script = `import importlib.util, json, sys
sys.path.insert(0, "${folder}")
specification = importlib.util.spec_from_file_location("space", "${folder}/pgha-space.py")
space = importlib.util.module_from_spec(specification)
specification.loader.exec_module(space)
json.dump([${expression} for x in json.load(sys.stdin)], sys.stdout)`;
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(execFileSync('python3', ['-c', script], { input: JSON.stringify(values), env }).toString());
}

const now = 1_800_000_000;
const member = (name: string, change: object = {}) => ({ name, role: 'quorum_standby', state: 'streaming', ...change });
const leader = { name: 'pg-1', role: 'leader', state: 'running' };
const told = (used: number, at = now - 5) => ({ used, at });
const full = {
  name: 'pg-1',
  used: 1,
  now,
  limits,
  patroni: { role: 'primary', state: 'running' },
  cluster: { members: [leader, member('pg-2'), member('pg-3')] },
  told: { 'pg-1': told(1), 'pg-2': told(0.5), 'pg-3': told(0.4) },
  last: null as { at: number; from: string; to: string; done: boolean } | null,
  operation: null as string | false | null,
};
type Facts = typeof full;
const decide = (change: Partial<Facts> | object): readonly [string | null, string | null] => {
  const [answer] = evaluate('space.decide(x)', [{ ...full, ...change }]);
  return answer as [string | null, string | null];
};
const members = (...others: readonly object[]) => ({ cluster: { members: [leader, ...others] } });

describe('a primary whose data volume is full', () => {
  it('is handed over to the synchronous standby with the most free disk space', () => {
    expect(decide({})).toEqual(['pg-3', null]);
    expect(decide({ told: { 'pg-2': told(0.1), 'pg-3': told(0.4) } })).toEqual(['pg-2', null]);
    expect(decide(members(member('pg-2', { role: 'sync_standby' }), member('pg-3', { role: 'replica' })))).toEqual([
      'pg-2',
      null,
    ]);
  });

  it('is handed over to a replica where no standby is synchronous: one that is would be asked for', () => {
    expect(decide(members(member('pg-2', { role: 'replica' })))).toEqual(['pg-2', null]);
  });

  it.each([
    ['has as little', {}, { 'pg-2': told(0.93) }, 'pg-2 is 93% full'],
    ['tells nothing: its programs are older', {}, {}, 'the free disk space of pg-2 is unknown'],
    ['has told nothing for a while', {}, { 'pg-2': told(0.1, now - 46) }, 'the free disk space of pg-2 is unknown'],
    ['does not stream', { state: 'running' }, { 'pg-2': told(0.1) }, 'pg-2 is running'],
    [
      'may not be promoted',
      { tags: { nofailover: true } },
      { 'pg-2': told(0.1) },
      'pg-2 is excluded from failover (tag nofailover)',
    ],
  ])('is not handed over to a member that %s', (_why, change, space, reason) => {
    expect(decide({ ...members(member('pg-2', change)), told: space })).toEqual([null, reason]);
  });

  it.each([
    ['Patroni is paused', { patroni: { role: 'primary', state: 'running', pause: true } }, /^Patroni is paused/],
    ['an operation is in progress', { operation: 'another pgha command' }, /^an operation is in progress/],
    ['the lock of operations cannot be read', { operation: false }, /^the lock of operations cannot be read/],
    ['it leads a standby region', { patroni: { role: 'standby_leader', state: 'running' } }, /^not a running primary/],
    ['its server starts', { patroni: { role: 'primary', state: 'starting' } }, /^not a running primary/],
    ['it is alone', members(), /^there is no other member/],
  ])('stays while %s', (_why, change, reason) => {
    const [candidate, why] = decide(change);
    expect(candidate).toBeNull();
    expect(why).toMatch(reason);
  });

  it('is handed over once in ten minutes, and tried again sooner when that failed', () => {
    const after = (seconds: number, done: boolean) =>
      decide({ last: { at: now - seconds, from: 'pg-2', to: 'pg-1', done } })[0];
    expect([after(599, true), after(601, true), after(19, false), after(21, false)]).toEqual([
      null,
      'pg-3',
      null,
      'pg-3',
    ]);
  });
});

describe('a handover', () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const cases = fc.array(fc.record({ used: share, shares: fc.array(share, { minLength: 1, maxLength: 3 }) }), {
    minLength: 100,
    maxLength: 100,
  });

  it('never goes from a member with enough space, nor to one that would be handed over from at once', () => {
    fc.assert(
      fc.property(cases, (tried) => {
        const facts = tried.map(({ used, shares }) => ({
          ...full,
          used,
          ...members(...shares.map((_each, index) => member(`m${index}`))),
          told: Object.fromEntries(shares.map((each, index) => [`m${index}`, told(each)])),
        }));
        const answers = evaluate('space.decide(x)', facts) as [string | null, string | null][];
        answers.forEach(([candidate], index) => {
          const { used, shares } = tried[index] ?? expect.fail();
          const able = used > limits.full && shares.some((each) => each <= limits.almostFull);
          expect(candidate !== null).toBe(able);
          if (candidate !== null) expect(shares[Number(candidate.slice(1))]).toBe(Math.min(...shares));
        });
      }),
      { numRuns: 3 },
    );
  });

  it('leaves room between the two limits for more than the reserve, on the smallest volume', () => {
    expect((limits.full - limits.almostFull) * 10 * 1024 ** 3).toBeGreaterThan(reserveBytes);
  });
});
