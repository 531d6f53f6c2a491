import { defineCluster, parameterName, secretsKeyAlias } from '@pgha/infra/cluster';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultKey, startParameterStore } from '../../../test/parameter-store.ts';
import { createFakeHost } from '../../hosts/fake.ts';
import { HostUnreachableError } from '../../hosts/host.ts';
import { authorityParameters, underOtherKeys } from '../../secrets/index.ts';
import { connectSsm } from '../../secrets/ssm-store.ts';
import { encryptSecrets } from './own-key.ts';

const cluster = defineCluster({ dr: null });
const region = cluster.primary;
const ownKey = secretsKeyAlias(cluster);
const first = authorityParameters(cluster).certificate;
const names = [first, ...['a', 'b', 'c'].map((name) => parameterName(cluster, `passwords/${name}`))];
let store: Awaited<ReturnType<typeof startParameterStore>>;

beforeEach(async () => {
  store = await startParameterStore(new Set([ownKey]));
  for (const name of names) store.held.set(name, { value: `value of ${name}`, key: defaultKey, version: 1 });
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
});
afterEach(() => {
  store.close();
  vi.unstubAllEnvs();
});

const keysNow = () => names.map((name) => store.held.get(name)?.key);

/** What the step does once it knows what is left; `off` is a node that is stopped. */
async function work(fetched: string[], off: string | null = null): Promise<void> {
  const client = connectSsm({ region: region.awsRegion, profile: null, endpoint: store.endpoint, ca: null });
  const signal = new AbortController().signal;
  const unused = () => Promise.reject(new Error('the step changes no instance'));
  const power = { state: async () => 'off' as const, cut: unused, start: unused, reboot: unused };
  const host = ({ name }: { name: string }) =>
    createFakeHost(name, () => {
      if (name === off) throw new HostUnreachableError(`${name} is off`);
      fetched.push(`${name} ${keysNow().map((key) => (key === ownKey ? 'own' : 'other'))}`);
      return { exitCode: 0, stdout: '', stderr: '' };
    });
  try {
    const left = await underOtherKeys(client, parameterName(cluster, '').replace(/\/$/, ''), ownKey);
    if (left.length > 0) await encryptSecrets({ cluster, host, power, signal }, region, client, left, () => {});
  } finally {
    client.destroy();
  }
}

describe("encrypting a region's secrets with the cluster's own key", () => {
  it('has every node that runs read the certificate under the new key before any secret has it', async () => {
    const fetched: string[] = [];
    await work(fetched, 'pg-2');
    const running = region.nodes.filter(({ name }) => name !== 'pg-2');
    expect(fetched.sort()).toEqual(running.map(({ name }) => `${name} own,other,other,other`).sort());
    expect(new Set(keysNow())).toEqual(new Set([ownKey]));
  });

  it('ends in the same state wherever it was interrupted, and touches nothing once it is done', async () => {
    // one look, then a read and a write for each parameter
    for (let calls = 1; calls <= 2 * names.length; calls += 1) {
      for (const name of names) store.held.set(name, { value: `value of ${name}`, key: defaultKey, version: 1 });
      store.limit.calls = store.calls.length + calls;
      await expect(work([]), `after ${calls} calls`).rejects.toThrow();
      store.limit.calls = Number.POSITIVE_INFINITY;
      await work([]);
      expect(new Set(keysNow()), `after ${calls} calls`).toEqual(new Set([ownKey]));
      for (const name of names) expect(store.held.get(name)?.value).toBe(`value of ${name}`);
    }
    const fetched: string[] = [];
    await work(fetched);
    expect(fetched).toEqual([]);
  });
});
