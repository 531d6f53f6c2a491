import { describe, expect, it } from 'vitest';
import { createFakeEtcd } from '../../../test/model/fake-etcd.ts';
import { etcdOn } from '../../clients/etcd.ts';
import { createFakeHost } from '../../hosts/fake.ts';
import { waitUntil } from '../../wait-until.ts';
import { lockKey, withOperationLock } from './lock.ts';

const alive = { isAlive: () => true, renewEveryMs: 60_000 };
const holder = { operator: 'ana', computer: 'a', pid: 7, doing: 'switchover', since: '2026-01-01T00:00:00Z' };

function fake() {
  const store = createFakeEtcd();
  const host = createFakeHost('etcd-1', (argv, { input = '' }) => store.run(argv.slice(1), input));
  return { store, etcd: etcdOn([host]) };
}

describe('the lock on a cluster', () => {
  it('keeps a second operation out and says who is at work', async () => {
    const { etcd } = fake();
    await withOperationLock(
      etcd,
      holder,
      async () => {
        const second = withOperationLock(etcd, { ...holder, operator: 'ben', pid: 8 }, async () => 'in', alive);
        await expect(second).rejects.toThrow(
          /in progress: "pgha switchover", started by ana on a \(pid 7\) at 2026-01-01/,
        );
      },
      alive,
    );
    expect(await withOperationLock(etcd, holder, async () => 'free again', alive)).toBe('free again');
  });

  it('is free after an operation that failed', async () => {
    const { etcd, store } = fake();
    await expect(withOperationLock(etcd, holder, () => Promise.reject(new Error('broken')), alive)).rejects.toThrow(
      'broken',
    );
    expect(store.stored.has(lockKey)).toBe(false);
  });

  it('is taken over from a command that died on this computer, and from no other computer', async () => {
    const { etcd, store } = fake();
    const dead = { isAlive: () => false, renewEveryMs: 60_000 };
    const value = encodeURIComponent(JSON.stringify(holder));
    store.stored.set(lockKey, { value, revision: 40, lease: null });
    await expect(withOperationLock(etcd, { ...holder, computer: 'b' }, async () => 'in', dead)).rejects.toThrow(
      'another operation is in progress',
    );
    expect(await withOperationLock(etcd, { ...holder, pid: 9 }, async () => 'in', dead)).toBe('in');
  });

  it('tells the operation when its lease was lost', async () => {
    const { etcd, store } = fake();
    const impatient = { isAlive: () => true, renewEveryMs: 5 };
    await withOperationLock(
      etcd,
      holder,
      async (lost) => {
        store.endLeases();
        await waitUntil(async () => lost.aborted, { what: 'the loss to be noticed', timeoutMs: 5_000, everyMs: 5 });
        expect(String(lost.reason)).toContain('another operation may start');
      },
      impatient,
    );
  });
});
