import { migrate } from '@pgha/db';
import {
  activeLoginParameter,
  type Cluster,
  type Login,
  loadBalancerListeners,
  membersOf,
  type Node,
  passwordParameter,
  type Region,
  type RotatingLogin,
  regionsOf,
  secretsKeyAlias,
} from '@pgha/infra/cluster';
import { apiKeysParameter } from '@pgha/infra/machines';
import { Client } from 'pg';
import type { PatroniEndpoint } from '../clients/patroni.ts';
import { type Authority, authorityParameters, mirroredStore, type SecretStore, ssmStore } from '../secrets/index.ts';
import { ssmClient } from './aws.ts';

/** Where the load balancer takes commits. */
const readWritePort = loadBalancerListeners[0].port;

/** What a client of the cluster needs to know besides addresses. */
export interface ClusterAccess {
  /** PEM of the cluster's CA. */
  ca: string;
  /** The login of `app` that is in use, and its password. */
  app: { user: string; password: string };
  readonly: { user: string; password: string };
  owner: { user: string; password: string };
  /** A key of the write API. */
  apiKey: string;
}

/** The Parameter Stores of all regions as one, for as long as the work takes. */
export async function withSecretStore<T>(
  cluster: Cluster,
  authority: Authority,
  work: (store: SecretStore) => Promise<T>,
): Promise<T> {
  const clients = regionsOf(cluster).map((region) => ({ region, client: ssmClient(region, authority) }));
  const [first, ...others] = clients.map(({ region, client }) =>
    ssmStore(client, region.awsRegion, secretsKeyAlias(cluster)),
  );
  if (first === undefined) throw new Error('a cluster has at least one region');
  try {
    return await work(mirroredStore([first, ...others]));
  } finally {
    for (const { client } of clients) client.destroy();
  }
}

/** Reads what a client needs from Parameter Store, as an operator with the right to would. */
export async function readAccess(cluster: Cluster, authority: Authority): Promise<ClusterAccess> {
  return withSecretStore(cluster, authority, async (store) => {
    const read = async (names: readonly string[]) => {
      const values = await store.read(names);
      return (name: string) => {
        const value = values.get(name);
        if (value === undefined)
          throw new Error(`${store.place} has no parameter ${name}. Create it with: pgha secrets init`);
        return value;
      };
    };
    const roles = ['app', 'readonly'] as const satisfies readonly RotatingLogin[];
    const value = await read([
      authorityParameters(cluster).certificate,
      apiKeysParameter(cluster),
      ...roles.map((role) => activeLoginParameter(cluster, role)),
    ]);
    const password = async (login: Login) => {
      const name = passwordParameter(cluster, login);
      return (await read([name]))(name);
    };
    const login = async (role: RotatingLogin) => {
      const user = value(activeLoginParameter(cluster, role)).trim() as Login;
      return { user, password: await password(user) };
    };
    return {
      ca: value(authorityParameters(cluster).certificate),
      app: await login('app'),
      readonly: await login('readonly'),
      owner: { user: 'pgha_owner', password: await password('owner') },
      apiKey: value(apiKeysParameter(cluster)).split('\n')[0] ?? '',
    };
  });
}

/** Brings the schema up to date, as the owner. */
export async function migrateThroughLoadBalancer(
  cluster: Cluster,
  access: ClusterAccess,
  log: (line: string) => void,
): Promise<void> {
  const [host] = cluster.primary.loadBalancer.addresses;
  if (host === undefined) throw new Error(`the load balancer of ${cluster.primary.awsRegion} has no address`);
  const tls = { mode: 'verify-full', rootCertificate: access.ca } as const;
  const port = readWritePort;
  await migrate({ host, port, database: cluster.database, ...access.owner, tls }, { log });
}

/**
 * A connection to the database as a client of the load balancer has it; the caller ends it.
 *
 * @param queryTimeoutMs after which a query counts as failed.
 */
export async function connectThroughLoadBalancer(
  cluster: Cluster,
  region: Region,
  access: ClusterAccess,
  port: number,
  queryTimeoutMs = 10_000,
): Promise<Client> {
  const [address] = region.loadBalancer.addresses;
  const client = new Client({
    ...(address === undefined ? {} : { host: address }),
    port,
    database: cluster.database,
    ...access.app,
    ssl: { ca: access.ca, servername: region.loadBalancer.hostname },
    connectionTimeoutMillis: 5_000,
    query_timeout: queryTimeoutMs,
  });
  // the connection may break at any time; whoever uses it learns it from its query
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The Patroni interfaces of a region's members. */
export function patroniEndpoints(region: Region, ca: string): readonly PatroniEndpoint[] {
  return membersOf(region).map(({ address, hostname }: Node) => ({ address, hostname, ca }));
}
