import { type Cluster, nodesOf, ports } from '@pgha/infra/cluster';
import { apiKeysParameter, caFile } from '@pgha/infra/machines';
import { DeployAnswer, parse } from '@pgha/protocol';
import { type Host, runChecked } from '../../hosts/host.ts';
import { readSecret, type SecretStore } from '../../secrets/index.ts';
import { waitUntil } from '../../wait-until.ts';
import { migrateFrom } from '../migrate.ts';

/** The services start once the schema is there, and restart each second until it is. */
const serviceTimeoutMs = 5 * 60_000;

/**
 * Brings the API machine to a release: its schema first, because its services refuse an older one, then the services, one at
 * a time and without a refused connection. Nothing happens to a machine that is there already.
 */
export async function deployRelease(
  host: Host,
  cluster: Cluster,
  store: SecretStore,
  version: string,
  report: (line: string) => void,
): Promise<void> {
  const timeoutMs = 10 * 60_000;
  report(`fetching ${version}`);
  const fetched = await runChecked(host, ['/usr/local/sbin/pgha-deploy', '--fetch', version], { timeoutMs });
  report('schema');
  const applied = await migrateFrom(host, { cluster, region: cluster.primary, store, version }, report);
  for (const migration of applied) report(`applied ${migration}`);
  const { current } = parse(DeployAnswer, fetched, { program: 'pgha-deploy', host: host.name, release: null });
  if (current === version) return;
  report('services');
  await runChecked(host, ['/usr/local/sbin/pgha-deploy', version], { timeoutMs });
}

/** What a first write and a first read showed. */
export interface SmokeTest {
  id: number;
  commitLsn: string;
}

/**
 * Writes an item through the write service, reads it at the other one, which waits for its replica, and removes it again.
 * It runs on the API machine: the services need not be open to this computer.
 */
export async function smokeTest(
  host: Host,
  cluster: Cluster,
  store: SecretStore,
  signal: AbortSignal,
): Promise<SmokeTest> {
  const [api] = nodesOf(cluster.primary, 'api');
  if (api === undefined) throw new Error(`${cluster.primary.awsRegion} has no API server`);
  const [key = ''] = (await readSecret(store, apiKeysParameter(cluster))).split('\n');
  // curl reads the key from standard input: an argument would be in the process list
  const call = (port: number, path: string, ...options: readonly string[]) =>
    runChecked(
      host,
      [
        'curl',
        '-sS',
        '--fail-with-body',
        '--max-time',
        '50',
        '--cacert',
        caFile,
        '--config',
        '-',
        '-i',
        ...options,
        `https://${api.hostname}:${port}${path}`,
      ],
      { input: `header = "Authorization: Bearer ${key}"\n` },
    );
  const body = JSON.stringify({ name: 'pgha deploy', price: 0 });
  const created = await waitUntil(() => call(ports.api, '/items', '-H', 'Content-Type: application/json', '-d', body), {
    what: 'a write through the API',
    timeoutMs: serviceTimeoutMs,
    everyMs: 3_000,
    signal,
  });
  const { id, commitLsn } = readCreated(created);
  await call(ports.readApi, `/items/${id}`, '-H', `Min-LSN: ${commitLsn}`);
  await call(ports.api, `/items/${id}`, '-X', 'DELETE');
  return { id, commitLsn };
}

/** The id and the position in an answer to `POST /items`, headers and all. */
export function readCreated(answer: string): SmokeTest {
  const commitLsn = /^commit-lsn: *(\S+)/im.exec(answer)?.[1];
  const id = /"id": *(\d+)/.exec(answer)?.[1];
  if (commitLsn === undefined || id === undefined) {
    throw new Error(`the API response has no id or no Commit-LSN: ${answer.slice(0, 300)}`);
  }
  return { id: Number(id), commitLsn };
}
