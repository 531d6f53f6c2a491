import { performance } from 'node:perf_hooks';
import type { ExpectedRole } from './settings.ts';
import type { Look, SessionId } from './sightings.ts';
import { continueSilence, judgeSilence, type Silence, silenceLimits } from './silence.ts';

/** An open connection, as the watch sees it. */
export interface WatchedConnection {
  /** Null where a pooler stands between: the sessions it lends change, and say nothing about the connection. */
  readonly session: SessionId | null;
  /** In total. */
  bytesRead(): number;
  /** Statements that have been sent and not been answered. */
  unanswered(): number;
  isLent(): boolean;
  /** Ends it on this side: what is unanswered is rejected, with an error whose outcome is unknown. */
  giveUp(): void;
}

export interface SessionWatchOptions {
  role: ExpectedRole;
  connections: () => WatchedConnection[];
  /** Looks at the server over a connection of its own; throws when nobody answers. */
  look: () => Promise<Look>;
  /** Told how many connections were given up. */
  onGivenUp: (count: number) => void;
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number;
}

/**
 * Finds the connections that carry nothing any more although nobody said so: a firewall, a load balancer or a machine on
 * the way has forgotten them. The kernel gives up what it sends after a quarter of an hour (tcp_retries2; Node cannot set
 * TCP_USER_TIMEOUT), keepalive only probes where nothing sent is unconfirmed, and a limit on the time of a statement
 * would end slow ones as well. So the server is asked, over a connection of its own, what the session is doing.
 */
export function createSessionWatch(options: SessionWatchOptions) {
  const { role, connections, look, onGivenUp, now = () => performance.now() } = options;
  const silences = new WeakMap<WatchedConnection, Silence>();

  /** Notes every sign of life, and answers the connections that have given none for too long. */
  function listen(): Set<WatchedConnection> {
    const silent = new Set<WatchedConnection>();
    for (const connection of connections()) {
      const heard = { bytesRead: connection.bytesRead(), unanswered: connection.unanswered() };
      const silence = continueSilence(silences.get(connection), now(), heard);
      silences.set(connection, silence);
      if (connection.session !== null && now() - silence.since >= silenceLimits.lookAfterMs) silent.add(connection);
    }
    return silent;
  }

  function isGivenUp(connection: WatchedConnection, { of }: Look): boolean {
    const silence = silences.get(connection);
    if (silence === undefined || connection.session === null) return false;
    const verdict = judgeSilence(silence, of(connection.session), now(), role);
    if (verdict === 'given-up') return true;
    silences.set(connection, verdict);
    return false;
  }

  async function giveUp(broken: WatchedConnection[], { end }: Look): Promise<void> {
    // those that nobody uses went the same way, and the next caller would be the one to find out
    const unused = connections().filter((connection) => !connection.isLent());
    const all = [...broken, ...unused];
    for (const connection of all) connection.giveUp();
    onGivenUp(all.length);
    await end(all.flatMap(({ session }) => session ?? []));
  }

  return {
    /** To be called every second or so. Throws what `look` throws, when there was something to look at. */
    async tick(): Promise<void> {
      const before = listen();
      if (before.size === 0) return;
      const seen = await look();
      try {
        // what came while the look was taken is a sign of life
        const after = listen();
        const broken = [...before].filter((connection) => after.has(connection) && isGivenUp(connection, seen));
        if (broken.length > 0) await giveUp(broken, seen);
      } finally {
        await seen.close();
      }
    },
  };
}
