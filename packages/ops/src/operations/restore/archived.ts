import { readRepository } from '../../clients/pgbackrest.ts';
import { query } from '../../clients/psql.ts';
import type { Host } from '../../hosts/host.ts';
import type { Report } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';

/** The heartbeat commits every five seconds; on a busy machine a little later. */
const heartbeatTimeoutMs = 60_000;
/** A second, unless the other repository is away: pgBackRest then tries that one for minutes first. */
const archiveTimeoutMs = 600_000;

/**
 * Makes sure that a recovery can reach a moment: it ends at the first commit behind it, which has to be in the repository.
 *
 * @param primary the machine that leads.
 * @throws when the repository does not get it.
 */
export async function ensureArchived(
  primary: Host,
  where: { database: string; stanza: string; repository: number },
  moment: Date,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  await waitUntil(
    async () => {
      const beat = await query(primary, 'select extract(epoch from beaten_at) from heartbeat.beat', where.database);
      return Number(beat) * 1_000 > moment.getTime();
    },
    { what: `a commit later than ${moment.toISOString()}`, timeoutMs: heartbeatTimeoutMs, everyMs: 1_000, signal },
  );
  // a position on the border of two segments belongs to the second one: its predecessor is what was closed
  const segment = await query(primary, 'select pg_walfile_name(pg_switch_wal() - 1)');
  report(`waiting for ${segment} to be archived to repository ${where.repository}`);
  await waitUntil(
    async () => {
      const { archivedUpTo } = await readRepository(primary, where.stanza, where.repository);
      return archivedUpTo !== null && archivedUpTo >= segment;
    },
    {
      what: `WAL segment ${segment} to be archived to repository ${where.repository}`,
      timeoutMs: archiveTimeoutMs,
      everyMs: 1_000,
      signal,
    },
  );
}
