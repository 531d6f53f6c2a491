import { type Cluster, loadBalancerListeners, passwordParameter, type Region } from '@pgha/infra/cluster';
import { caFile } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';
import { readSecret, type SecretStore } from '../secrets/index.ts';

/** What a migration works with. */
export interface MigrationSetting {
  cluster: Cluster;
  /** The region whose load balancer leads to the primary. */
  region: Region;
  store: SecretStore;
  /** The release whose migrations are applied; the machine has fetched it. */
  version: string;
}

/** The release's own migrations, run where the database can be reached; its credentials come on standard input. */
const migration = `
import { readFileSync } from 'node:fs';
const { release, rootCertificateFile, ...connection } = JSON.parse(readFileSync(0, 'utf8'));
const { migrate } = await import(release + '/packages/db/src/index.ts');
const tls = { mode: 'verify-full', rootCertificate: readFileSync(rootCertificateFile, 'utf8') };
console.log(JSON.stringify(await migrate({ ...connection, tls })));
`;

/**
 * Brings the schema up to date, as the owner. Two at once wait for each other; a schema that is up to date is left alone.
 *
 * @param host an API server: it has the release and a way to the database.
 * @returns the migrations that were applied, in order.
 */
export async function migrateFrom(
  host: Host,
  { cluster, region, store, version }: MigrationSetting,
): Promise<readonly string[]> {
  const release = `/opt/pgha/releases/${version}`;
  const connection = {
    release,
    host: region.loadBalancer.hostname,
    port: loadBalancerListeners[0].port,
    database: cluster.database,
    user: 'pgha_owner',
    password: await readSecret(store, passwordParameter(cluster, 'owner')),
    rootCertificateFile: caFile,
  };
  const answer = await runChecked(host, [`${release}/bin/node`, '--input-type=module', '--eval', migration], {
    input: JSON.stringify(connection),
    timeoutMs: 10 * 60_000,
  });
  return (JSON.parse(answer) as { applied: readonly string[] }).applied;
}
