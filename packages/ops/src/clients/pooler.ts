import { ports } from '@pgha/infra/cluster';
import { pgbouncerSocketDirectory } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';
import { asPostgres } from './pgbackrest.ts';

/**
 * Lets this machine's pooler make its connections anew, each once its transaction has ended: after a change of the schema the
 * old ones keep plans and types that are not true any more (PgBouncer 1.24, "RECONNECT").
 */
export async function reconnectPooler(host: Host, database: string): Promise<void> {
  const where = ['-h', pgbouncerSocketDirectory, '-p', `${ports.pgbouncer}`, '-U', 'pgbouncer', '-d', 'pgbouncer'];
  await runChecked(host, asPostgres('psql', '-X', '-q', ...where, '-c', `reconnect ${database}`));
}
