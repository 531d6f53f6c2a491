import { existsSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { secretsKeyAlias } from '@pgha/infra/cluster';
import { type Slowness, slowed } from '../hosts/slowed.ts';
import { provideAuthority, s3Client, ssmClient } from '../lab/aws.ts';
import { findControlGroups } from '../lab/control-groups.ts';
import { cutPower, findLeader, labHost } from '../lab/machines.ts';
import { machinePlaces, type Places } from '../lab/places.ts';
import { restartMachine, stopMachine } from '../lab/power.ts';
import { requireRecord } from '../lab/record.ts';
import { labSite } from '../lab/site.ts';
import { mirroredStore, ssmStore } from '../secrets/index.ts';
import type { Installation } from './installation.ts';

/**
 * The lab that runs here, for as long as the work takes.
 *
 * @param slowness makes its hosts as slow as remote ones.
 * @throws RefusedError when there is none.
 */
export async function withLab<T>(
  places: Places,
  signal: AbortSignal,
  work: (installation: Installation) => Promise<T>,
  slowness: Slowness | null = null,
): Promise<T> {
  const { cluster } = await requireRecord(places);
  const groups = await findControlGroups();
  const authority = await provideAuthority(places);
  const clients: { destroy(): void }[] = [];
  const kept = <C extends { destroy(): void }>(client: C): C => {
    clients.push(client);
    return client;
  };
  const installation: Installation = {
    kind: 'lab',
    cluster,
    operator: `${userInfo().username}@${hostname()}`,
    signal,
    host: ({ name }) => {
      const host = labHost(groups, name);
      return slowness === null ? host : slowed(host, slowness);
    },
    addressOf: async ({ address }) => address,
    tunnel: async ({ loadBalancer }, port) => ({
      address: loadBalancer.addresses[0] ?? loadBalancer.hostname,
      port,
      close: async () => undefined,
    }),
    site: (region) => labSite(cluster, region, authority),
    secrets: ([first, ...others]) => {
      const store = (region: typeof first) =>
        ssmStore(kept(ssmClient(region, authority)), region.awsRegion, secretsKeyAlias(cluster));
      return mirroredStore([store(first), ...others.map(store)]);
    },
    s3: (region) => kept(s3Client(region, authority)),
    power: {
      state: async ({ name }) => {
        if ((await findLeader(groups, name)) !== null) return 'running';
        return existsSync(machinePlaces(places, name).folder) ? 'off' : 'missing';
      },
      // also of a machine that the configuration no longer has
      cut: ({ name }) => cutPower({ groups }, name),
      start: ({ name }) => restartMachine(places, name),
      reboot: async ({ name }) => {
        // nspawn ends with a machine that reboots itself
        await stopMachine(places, name, 'shut-down');
        await restartMachine(places, name);
      },
    },
  };
  try {
    return await work(installation);
  } finally {
    for (const client of clients) client.destroy();
  }
}
