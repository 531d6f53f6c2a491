import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultKey, startParameterStore } from '../../test/parameter-store.ts';
import { encryptWithOwnKey, underOtherKeys } from './encryption.ts';
import { connectSsm, ssmStore } from './ssm-store.ts';

const ownKey = 'alias/p-e-secrets';
let keys: Set<string>;
let parameterStore: Awaited<ReturnType<typeof startParameterStore>>;
const connect = () => connectSsm({ region: 'us-east-1', profile: null, endpoint: parameterStore.endpoint, ca: null });
const puts = () => parameterStore.calls.filter(({ target }) => target === 'PutParameter').map(({ body }) => body);

beforeEach(async () => {
  keys = new Set([ownKey]);
  parameterStore = await startParameterStore(keys);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(() => {
  parameterStore.close();
  vi.unstubAllEnvs();
});

describe('ssmStore', () => {
  it('stores as SecureString, and says when a name is taken instead of replacing it', async () => {
    const client = connect();
    const store = ssmStore(client, 'us-east-1', ownKey);
    expect(await store.create('/p/e/a', 'one')).toBe('created');
    expect(await store.create('/p/e/a', 'two')).toBe('taken');
    expect(await store.read(['/p/e/a'])).toEqual(new Map([['/p/e/a', 'one']]));
    await store.replace('/p/e/a', 'three');
    expect(await store.read(['/p/e/a'])).toEqual(new Map([['/p/e/a', 'three']]));
    client.destroy();
    expect(puts().map(({ Type, Overwrite, KeyId }) => [Type, Overwrite, KeyId])).toEqual([
      ['SecureString', false, ownKey],
      ['SecureString', false, ownKey],
      ['SecureString', true, ownKey],
    ]);
  });

  it('reads ten names a call, decrypted, and leaves out those without a value', async () => {
    const client = connect();
    const store = ssmStore(client, 'us-east-1', ownKey);
    const names = Array.from({ length: 23 }, (_, index) => `/p/e/${index}`);
    for (const name of names.slice(1)) await store.create(name, `value of ${name}`);
    const values = await store.read(names);
    client.destroy();
    expect([...values.keys()]).toEqual(names.slice(1));
    const reads = parameterStore.calls.filter(({ target }) => target === 'GetParameters');
    expect(reads.map(({ body }) => [body.Names?.length, body.WithDecryption])).toEqual([
      [10, true],
      [10, true],
      [3, true],
    ]);
  });

  it('uses the default key of the account as long as there is no other one', async () => {
    keys.clear();
    const client = connect();
    expect(await ssmStore(client, 'us-east-1', ownKey).create('/p/e/a', 'one')).toBe('created');
    client.destroy();
    expect(parameterStore.held.get('/p/e/a')).toMatchObject({ value: 'one', key: defaultKey });
  });

  it.each([defaultKey, ownKey])('keeps the key of what it replaces: %s', async (key) => {
    parameterStore.held.set('/p/e/a', { value: 'one', key, version: 1 });
    const client = connect();
    await ssmStore(client, 'us-east-1', ownKey).replace('/p/e/a', 'two');
    client.destroy();
    expect(parameterStore.held.get('/p/e/a')).toEqual({ value: 'two', key, version: 2 });
  });
});

describe('encrypting with the own key', () => {
  const first = '/p/e/ca/certificate';
  const names = [first, ...Array.from({ length: 23 }, (_, index) => `/p/e/passwords/${index}`)];
  const work = async (waitForReaders: () => Promise<void>) => {
    const client = connect();
    try {
      const left = await underOtherKeys(client, '/p/e', ownKey);
      const moved: string[] = [];
      const onMoved = (name: string) => moved.push(name);
      if (left.length > 0) await encryptWithOwnKey(client, left, { keyAlias: ownKey, first, waitForReaders, onMoved });
      return moved;
    } finally {
      client.destroy();
    }
  };
  const keysNow = () => Object.fromEntries([...parameterStore.held].map(([name, { key }]) => [name, key]));

  beforeEach(() => {
    for (const name of names) parameterStore.held.set(name, { value: `value of ${name}`, key: defaultKey, version: 3 });
    parameterStore.held.set('/p/e2/other', { value: 'another cluster', key: defaultKey, version: 1 });
  });

  it('changes every key and no value, of this cluster alone, and nothing the second time', async () => {
    expect([...(await work(async () => {}))].sort()).toEqual([...names].sort());
    expect(new Set(names.map((name) => keysNow()[name]))).toEqual(new Set([ownKey]));
    for (const name of names) expect(parameterStore.held.get(name)?.value).toBe(`value of ${name}`);
    expect(keysNow()['/p/e2/other']).toBe(defaultKey);
    const before = puts().length;
    expect(await work(() => Promise.reject(new Error('nobody is asked')))).toEqual([]);
    expect(puts()).toHaveLength(before);
  });

  it('touches no secret before every machine has read what everybody may know', async () => {
    await work(async () => {
      expect(keysNow()).toEqual({
        ...Object.fromEntries([...names, '/p/e2/other'].map((name) => [name, defaultKey])),
        [first]: ownKey,
      });
    });
  });

  it('takes the first one back when a machine cannot read it', async () => {
    await expect(work(() => Promise.reject(new Error('pg-2 may not decrypt')))).rejects.toThrow('pg-2 may not decrypt');
    expect(new Set(Object.values(keysNow()))).toEqual(new Set([defaultKey]));
  });

  it('ends in the same state wherever it was interrupted', async () => {
    for (const calls of [1, 3, 4, 5, 6, 17]) {
      parameterStore.limit.calls = parameterStore.calls.length + calls;
      await expect(work(async () => {})).rejects.toThrow();
      parameterStore.limit.calls = Number.POSITIVE_INFINITY;
      for (const name of names) expect(parameterStore.held.get(name)?.value).toBe(`value of ${name}`);
    }
    await work(async () => {});
    expect(new Set(names.map((name) => keysNow()[name]))).toEqual(new Set([ownKey]));
  }, 60_000);
});
