import { type Host, runChecked } from '../hosts/host.ts';
import { asPostgres } from './pgbackrest.ts';

/**
 * One statement as the superuser on the member itself, where neither router nor pooler stands between.
 *
 * @returns its rows without headings, columns separated by `|`.
 */
export function query(host: Host, statement: string, database = 'postgres', timeoutMs?: number): Promise<string> {
  const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align'];
  return runChecked(
    host,
    asPostgres(...psql, `--dbname=${database}`, `--command=${statement}`),
    timeoutMs === undefined ? {} : { timeoutMs },
  );
}
