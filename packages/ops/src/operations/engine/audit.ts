import { type Host, runChecked } from '../../hosts/host.ts';

/** One run of an operation, as the cluster's journal keeps it. */
export interface AuditEntry {
  operator: string;
  /** The command, as it was typed after `pgha`. */
  doing: string;
  /** RFC 3339, UTC. */
  at: string;
  /** `started`, then how it ended; a run without an end was killed. */
  result: 'started' | 'done' | 'failed' | 'refused';
  /** What went wrong, in a line. */
  detail?: string;
}

/** What journalctl finds the lines by. */
const auditTag = 'pgha-audit';

/**
 * Leaves one line in the journal of each of these machines.
 *
 * @returns the machines that have it; none is a matter of the caller.
 */
export async function writeAudit(hosts: readonly Host[], entry: AuditEntry): Promise<readonly string[]> {
  const line = JSON.stringify(entry);
  const results = await Promise.allSettled(
    hosts.map(async (host) => {
      await runChecked(host, ['logger', '--tag', auditTag, '--priority', 'user.notice', '--', line], {
        timeoutMs: 15_000,
      });
      return host.name;
    }),
  );
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

/** Every run the journals of these machines still have, oldest first, each once. */
export async function readAudit(hosts: readonly Host[]): Promise<readonly AuditEntry[]> {
  const journal = ['journalctl', '--quiet', '--no-pager', '--output=cat', `--identifier=${auditTag}`];
  const texts = await Promise.allSettled(hosts.map((host) => runChecked(host, journal)));
  const lines = new Set(
    texts.flatMap((text) => (text.status === 'fulfilled' ? text.value.split('\n').filter((line) => line !== '') : [])),
  );
  return [...lines]
    .map((line) => JSON.parse(line) as AuditEntry)
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}
