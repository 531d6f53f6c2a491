import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

import { PortTaken } from './failure.ts';

/** A TCP forwarder on the loopback address that leads to one server at a time, as the router does on the machines. */
export interface Forwarder {
  readonly port: number;
  /** Where new connections go; null closes them at once. Connections that lead elsewhere are closed: they would reach a demoted server. */
  setTarget(port: number | null): void;
  /** Ends every forwarded connection with a TCP reset towards the client. */
  reset(): void;
  /**
   * No connection that is open now carries anything any more, in either direction, and neither side is told: as when a
   * firewall on the way forgets its flows. New connections are led as ever.
   */
  mute(): void;
  close(): Promise<void>;
}

interface Passage {
  target: number;
  client: Socket;
  server: Socket;
  /** Ends both sides. */
  end: () => void;
}

/**
 * @param port 0 for any free one.
 * @throws PortTaken
 */
export async function openForwarder(port: number, purpose: string): Promise<Forwarder> {
  const passages = new Set<Passage>();
  /** The sides of muted connections, each of which lives on by itself. */
  const muted = new Set<Socket>();
  let target: number | null = null;

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on('error', () => client.destroy());
    if (target === null) {
      client.destroy();
      return;
    }
    const server = connect({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true });
    // a close of one side, however it came, ends both: neither may wait for an answer that cannot come
    const end = () => {
      passages.delete(passage);
      client.destroy();
      server.destroy();
    };
    const passage: Passage = { target, client, server, end };
    passages.add(passage);
    server.on('error', end);
    server.on('close', end);
    client.on('close', end);
    client.pipe(server);
    server.pipe(client);
  });

  listener.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(listener, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new PortTaken(port, purpose);
    throw error;
  }
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error(`no TCP address for the ${purpose} port`);

  const drop = (unwanted: (passage: Passage) => boolean, end: (client: Socket) => void) => {
    for (const passage of [...passages].filter(unwanted)) {
      end(passage.client);
      passage.server.destroy();
    }
  };

  return {
    port: address.port,
    setTarget(next) {
      if (next === target) return;
      target = next;
      drop(
        (passage) => passage.target !== next,
        (client) => client.destroy(),
      );
    },
    reset() {
      drop(
        () => true,
        (client) => client.resetAndDestroy(),
      );
    },
    mute() {
      for (const { client, server, end } of passages) {
        client.unpipe(server);
        server.unpipe(client);
        for (const side of [client, server]) {
          side.off('close', end).off('error', end);
          side.on('error', () => {}).on('end', () => side.destroy());
          side.on('close', () => muted.delete(side)).resume();
          muted.add(side);
        }
      }
      passages.clear();
    },
    async close() {
      target = null;
      for (const side of muted) side.destroy();
      drop(
        () => true,
        (client) => client.destroy(),
      );
      if (!listener.listening) return;
      listener.close();
      await once(listener, 'close');
    },
  };
}
