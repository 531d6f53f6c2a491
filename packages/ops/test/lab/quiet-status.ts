import { waitUntil } from '../../src/wait-until.ts';

/**
 * Waits until a status has no findings. A status asks every node of both regions, etcd with a password among them, which costs two
 * busy cores seconds: it is asked every ten seconds, so that the wait does not cause what it waits for to end.
 *
 * @throws with the findings of the last status after five minutes.
 */
export function untilQuiet<T extends { findings: readonly { what: string }[] }>(read: () => Promise<T>): Promise<T> {
  return waitUntil(
    async () => {
      const seen = await read();
      if (seen.findings.length > 0) throw new Error(seen.findings.map(({ what }) => what).join('; '));
      return seen;
    },
    { what: 'a status without findings', timeoutMs: 300_000, everyMs: 10_000 },
  );
}
