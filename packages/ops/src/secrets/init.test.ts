import { allNodes, defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it, vi } from 'vitest';
import { judgeCertificate, renewWithinDays } from './certificates.ts';
import { BrokenPairError, secretsInit } from './init.ts';
import { authorityParameters, identityOf, machineParameters, parameterNames } from './inventory.ts';
import { mirroredStore } from './mirrored-store.ts';
import { inMemoryStore, type SecretStore } from './store.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });
const names = parameterNames(cluster);
const now = new Date('2026-11-22T12:00:00Z');
// keys and signatures by the hundred: seconds on an idle machine
vi.setConfig({ testTimeout: 60_000 });
const everyNode = allNodes(cluster);

/** Everything is there and every certificate fits its key, its CA and its machine. */
async function expectWhole(store: SecretStore): Promise<void> {
  const values = await store.read(names);
  expect([...values.keys()].sort()).toEqual([...names].sort());
  for (const node of everyNode) {
    const { certificate, key } = machineParameters(cluster, node);
    const verdict = judgeCertificate(
      values.get(certificate) ?? '',
      values.get(key) ?? '',
      values.get(authorityParameters(cluster).certificate) ?? '',
      identityOf(cluster, node),
      now,
      renewWithinDays,
    );
    expect([node.name, verdict]).toEqual([node.name, 'current']);
  }
}

/** A store whose process dies instead of storing the value after the first `creations`. */
function dyingStore(store: SecretStore, creations: number): SecretStore {
  let left = creations;
  return {
    ...store,
    create: async (name, value) => {
      if (left === 0) throw new Error('killed');
      left -= 1;
      return store.create(name, value);
    },
  };
}

describe('secretsInit', () => {
  it('makes every secret once; a second run keeps them all', async () => {
    const store = inMemoryStore();
    const first = await secretsInit(cluster, store, now);
    expect([...first.created].sort()).toEqual([...names].sort());
    await expectWhole(store);
    const before = await store.read(names);
    const second = await secretsInit(cluster, store, now);
    expect(second.created).toEqual([]);
    expect(second.kept).toEqual(names);
    expect(await store.read(names)).toEqual(before);
  });

  it('gives each password its own value, long enough and safe in a connection string', async () => {
    const store = inMemoryStore();
    await secretsInit(cluster, store, now);
    const values = await store.read(names.filter((name) => name.includes('/passwords/')));
    expect(values.size).toBe(17);
    expect(new Set(values.values()).size).toBe(17);
    for (const value of values.values()) expect(value).toMatch(/^[\w-]{43}$/);
  });

  it('goes on where it was interrupted, after every single value', async () => {
    const store = inMemoryStore();
    let before = await store.read(names);
    for (let survived = 1; survived < names.length; survived += 1) {
      await expect(secretsInit(cluster, dyingStore(store, 1), now)).rejects.toThrow('killed');
      const after = await store.read(names);
      expect(after.size).toBe(survived);
      for (const [name, value] of before) expect(after.get(name)).toBe(value);
      before = after;
    }
    await secretsInit(cluster, store, now);
    await expectWhole(store);
    expect((await secretsInit(cluster, store, now)).created).toEqual([]);
  });

  it('agrees with a run beside it', async () => {
    const store = inMemoryStore();
    const reports = await Promise.all([secretsInit(cluster, store, now), secretsInit(cluster, store, now)]);
    await expectWhole(store);
    const created = reports.flatMap((report) => report.created);
    expect(created).toHaveLength(names.length);
    expect(new Set(created).size).toBe(names.length);
  });

  it('refuses a pair that does not fit together, and says which to delete', async () => {
    const store = inMemoryStore();
    await secretsInit(cluster, store, now);
    const first = machineParameters(cluster, everyNode[0] ?? expect.fail());
    const second = machineParameters(cluster, everyNode[1] ?? expect.fail());
    await store.replace(first.key, (await store.read([second.key])).get(second.key) ?? '');
    await expect(secretsInit(cluster, store, now)).rejects.toThrow(
      `Delete ${first.certificate} and ${first.key} there`,
    );

    const values = new Map(await store.read(names));
    values.delete(first.key);
    await expect(secretsInit(cluster, inMemoryStore(values), now)).rejects.toThrow(BrokenPairError);
  });
});

describe('mirroredStore', () => {
  it('gives a second region what the first one has, interrupted anywhere', async () => {
    const primary = inMemoryStore(new Map(), 'us-east-1');
    await secretsInit(cluster, primary, now);
    const values = await primary.read(names);
    for (const survived of [0, 1, 20, names.length - 1]) {
      const dr = inMemoryStore(new Map(), 'us-west-2');
      await expect(secretsInit(cluster, mirroredStore([primary, dyingStore(dr, survived)]), now)).rejects.toThrow();
      const report = await secretsInit(cluster, mirroredStore([primary, dr]), now);
      expect(report.created).toEqual([]);
      expect(await dr.read(names)).toEqual(values);
    }
    expect(await primary.read(names)).toEqual(values);
  });

  it('brings back what the first region lost from the second', async () => {
    const dr = inMemoryStore(new Map(), 'us-west-2');
    await secretsInit(cluster, dr, now);
    const primary = inMemoryStore(new Map(), 'us-east-1');
    await secretsInit(cluster, mirroredStore([primary, dr]), now);
    expect(await primary.read(names)).toEqual(await dr.read(names));
  });

  it('refuses two regions that hold different values', async () => {
    const name = names[0] ?? '';
    const stores = [
      inMemoryStore(new Map([[name, 'a']]), 'us-east-1'),
      inMemoryStore(new Map([[name, 'b']]), 'us-west-2'),
    ];
    const mirrored = mirroredStore(stores as [SecretStore, SecretStore]);
    await expect(secretsInit(cluster, mirrored, now)).rejects.toThrow('differs between us-east-1 and us-west-2');
    await expect(mirrored.create(name, 'c')).rejects.toThrow('differs between');
  });

  it('takes the value of the run that was first', async () => {
    const regions = [inMemoryStore(), inMemoryStore()] as [SecretStore, SecretStore];
    const outcomes = await Promise.all(['a', 'b'].map((value) => mirroredStore(regions).create('/x', value)));
    expect(outcomes.sort()).toEqual(['created', 'taken']);
    const [first, second] = await Promise.all(regions.map((store) => store.read(['/x'])));
    expect(first).toEqual(second);
  });

  it('tells of a replacement that was cut off between the regions, with the new value', async () => {
    const old = new Map([['/x', 'old']]);
    const [first, second] = [inMemoryStore(old, 'us-east-1'), inMemoryStore(old, 'us-west-2')];
    const dying: SecretStore = { ...second, replace: async () => Promise.reject(new Error('killed')) };
    await expect(mirroredStore([first, dying]).replace('/x', 'new')).rejects.toThrow('killed');
    const mirrored = mirroredStore([first, second]);
    expect((await mirrored.inspect(['/x'])).get('/x')).toMatchObject({ value: 'new', version: 2, isMirrored: false });
    await expect(mirrored.read(['/x'])).rejects.toThrow('Rerun the interrupted rotation');
    await mirrored.replace('/x', 'new');
    expect((await mirrored.inspect(['/x'])).get('/x')).toMatchObject({ value: 'new', isMirrored: true });
  });
});
