import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eligibleTargets, type HealthView, initialView, observe, targetsToReset } from './health.ts';

const rule = { intervalMs: 5_000, timeoutMs: 2_000, healthyThreshold: 2, unhealthyThreshold: 2 };
const [a, b, c] = ['10.42.8.21', '10.42.9.22', '10.42.10.23'] as const;

const after = (view: HealthView, answers: readonly (readonly [string, boolean])[]) =>
  answers.reduce((current, [target, passed]) => observe(current, target, passed, rule), view);
const both = (target: string, passed: boolean) => [[target, passed] as const, [target, passed] as const];
const allHealthy = after(initialView([a, b, c]), [...both(a, true), ...both(b, true), ...both(c, true)]);
const stateOf = (view: HealthView, target: string) => view.get(target)?.state;

describe('a target', () => {
  it('turns healthy at the second passed check in a row', () => {
    const once = after(initialView([a]), [[a, true]]);
    expect(stateOf(once, a)).toBe('initial');
    expect(stateOf(after(once, [[a, true]]), a)).toBe('healthy');
  });

  it('turns unhealthy at the second failed check in a row', () => {
    const once = after(allHealthy, [[a, false]]);
    expect(stateOf(once, a)).toBe('healthy');
    expect(stateOf(after(once, [[a, false]]), a)).toBe('unhealthy');
  });

  it('starts to count again after an answer that speaks for its state', () => {
    const flapping = after(allHealthy, [
      [a, false],
      [a, true],
      [a, false],
    ]);
    expect(stateOf(flapping, a)).toBe('healthy');
  });

  it('does not change by what another answers', () => {
    expect(stateOf(after(allHealthy, both(b, false)), a)).toBe('healthy');
  });

  it('has to be one of the load balancer', () => {
    expect(() => observe(allHealthy, '10.42.8.99', true, rule)).toThrow(/10\.42\.8\.99 is not a target/);
  });
});

describe('the load balancer', () => {
  it('sends to everybody while nobody is healthy', () => {
    expect(eligibleTargets(initialView([a, b]))).toEqual([a, b]);
    const none = after(allHealthy, [...both(a, false), ...both(b, false), ...both(c, false)]);
    expect(eligibleTargets(none)).toEqual([a, b, c]);
  });

  it('resets the connections of a target that turned unhealthy', () => {
    const once = after(allHealthy, [[b, false]]);
    expect(targetsToReset(once, after(once, [[b, false]]))).toEqual([b]);
  });

  it('keeps the connections of the target that leaves nobody healthy', () => {
    const onlyC = after(allHealthy, [...both(a, false), ...both(b, false), [c, false]]);
    expect(targetsToReset(onlyC, after(onlyC, [[c, false]]))).toEqual([]);
  });

  it('resets what fail-open kept, once somebody is healthy again', () => {
    const none = after(allHealthy, [...both(a, false), ...both(b, false), ...both(c, false), [a, true]]);
    expect(targetsToReset(none, after(none, [[a, true]]))).toEqual([b, c]);
  });

  it('always has a target, and never resets one it still sends to', () => {
    const answers = fc.array(fc.tuple(fc.constantFrom(a, b, c), fc.boolean()), { maxLength: 60 });
    fc.assert(
      fc.property(answers, (sequence) => {
        let view = initialView([a, b, c]);
        for (const [target, passed] of sequence) {
          const next = observe(view, target, passed, rule);
          const eligible = eligibleTargets(next);
          expect(eligible.length).toBeGreaterThan(0);
          expect(targetsToReset(view, next).filter((reset) => eligible.includes(reset))).toEqual([]);
          view = next;
        }
      }),
    );
  });
});
