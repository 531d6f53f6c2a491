import { ports } from '@pgha/infra/cluster';
import { type PoolLimits, pgbouncerSocketDirectory } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';
import { asPostgres } from './pgbackrest.ts';

/**
 * Lets this machine's pooler make its connections anew, each once its transaction has ended: after a change of the schema the
 * old ones keep plans and types that are not true any more (PgBouncer 1.24, "RECONNECT").
 */
export async function reconnectPooler(host: Host, database: string): Promise<void> {
  await askPooler(host, `reconnect ${database}`);
}

/**
 * Bounds this machine's server connections at once, as its file will when the configuration reaches it: PgBouncer closes the
 * surplus as transactions end.
 */
export async function limitPooler(host: Host, { maxDbConnections, defaultPoolSize }: PoolLimits): Promise<void> {
  await askPooler(host, `set default_pool_size = ${defaultPoolSize}`);
  await askPooler(host, `set max_db_connections = ${maxDbConnections}`);
}

async function askPooler(host: Host, statement: string): Promise<void> {
  const where = ['-h', pgbouncerSocketDirectory, '-p', `${ports.pgbouncer}`, '-U', 'pgbouncer', '-d', 'pgbouncer'];
  await runChecked(host, asPostgres('psql', '-X', '-q', ...where, '-c', statement));
}
