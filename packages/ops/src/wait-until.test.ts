import { describe, expect, it } from 'vitest';
import { waitUntil } from './wait-until.ts';

describe('waiting for a condition', () => {
  it('gives the first value that is neither null nor false', async () => {
    const answers: (null | false | 0)[] = [null, false, 0];
    const value = await waitUntil(async () => answers.shift() as null | false | 0, {
      what: 'a value',
      timeoutMs: 1_000,
      everyMs: 1,
    });
    expect(value).toBe(0);
    expect(answers).toEqual([]);
  });

  it('says what it waited for and what stood in the way last', async () => {
    const never = waitUntil(() => Promise.reject(new Error('connection refused')), {
      what: 'pg-1',
      timeoutMs: 20,
      everyMs: 1,
    });
    await expect(never).rejects.toThrow('timed out after 0.02 s waiting for pg-1: connection refused');
  });

  it('stops with its signal', async () => {
    const stopped = AbortSignal.abort(new Error('stopped by SIGINT'));
    await expect(waitUntil(async () => null, { what: 'x', timeoutMs: 1_000, signal: stopped })).rejects.toThrow(
      'SIGINT',
    );
  });

  it('gives the reason of a signal that comes during a pause', async () => {
    const lost = new AbortController();
    const waiting = waitUntil(async () => null, { what: 'x', timeoutMs: 60_000, everyMs: 30_000, signal: lost.signal });
    setImmediate(() => lost.abort(new Error('the lock was lost')));
    await expect(waiting).rejects.toThrow('the lock was lost');
  });
});
