import type { FinalRead } from '../chaos/history.ts';
import { asPostgres } from '../clients/pgbackrest.ts';
import { type Host, runChecked } from '../hosts/host.ts';

/**
 * What each of these members holds of one run, read on the member itself: neither the router nor a service stands between.
 *
 * @param run what every key of the run begins with.
 */
export async function readFinalState(
  hosts: readonly Host[],
  database: string,
  run: string,
): Promise<readonly FinalRead[]> {
  return Promise.all(
    hosts.map(async (host) => {
      const text = await query(host, database, `select name from items where name like '${run}-%'`);
      return { member: host.name, keys: text.split('\n').filter(Boolean) };
    }),
  );
}

/**
 * Removes what a run left, on the primary.
 *
 * @returns how many rows.
 */
export async function removeRun(primary: Host, database: string, run: string): Promise<number> {
  const removed = `with removed as (delete from items where name like '${run}-%' returning 1) select count(*) from removed`;
  return Number(await query(primary, database, removed));
}

/** A statement as the superuser, on the machine itself. */
function query(host: Host, database: string, statement: string): Promise<string> {
  const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', `--dbname=${database}`];
  return runChecked(host, asPostgres(...psql, `--command=${statement}`), { timeoutMs: 300_000 });
}
