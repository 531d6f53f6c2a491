import { describe, expect, it } from 'vitest';
import { runStep } from './step.ts';

const quiet = () => undefined;

describe('a step', () => {
  it('is not run when it is done', async () => {
    const run = () => Promise.reject(new Error('it ran'));
    expect(await runStep({ title: 'x', isDone: async () => true, run }, quiet)).toBe('was done');
  });

  it('is run, and has to have brought about what it says', async () => {
    let isThere = false;
    const run = async () => {
      isThere = true;
    };
    const step = { title: 'x', isDone: async () => isThere, run };
    expect(await runStep(step, quiet)).toBe('ran');
    await expect(runStep({ ...step, isDone: async () => false }, quiet)).rejects.toThrow(
      'step "x" finished without an error',
    );
  });

  it('is not run when it has nothing to prepare any more', async () => {
    const run = () => Promise.reject(new Error('it ran'));
    expect(await runStep({ title: 'x', isNeeded: async () => false, run }, quiet)).toBe('was done');
  });

  it('is run every time when it does not say what done is', async () => {
    let count = 0;
    const run = async () => {
      count += 1;
    };
    const step = { title: 'x', run };
    await runStep(step, quiet);
    await runStep(step, quiet);
    expect(count).toBe(2);
  });
});
