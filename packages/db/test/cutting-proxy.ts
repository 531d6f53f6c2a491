import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * Where a connection is cut:
 * - `before`: the message is not forwarded
 * - `sent`: it is, and the connection is cut at once, whatever the server makes of it
 * - `done`: the server has finished what the message belongs to, with all its commit waits for; the answer is kept back
 */
export interface Cut {
  when: 'before' | 'sent' | 'done';
  /** The name of the prepared statement being bound, or the number of the client's message since the cut was asked for. */
  at: string | number;
}

/** A forwarder to one server that reads along and cuts one connection at one message. */
export interface CuttingProxy {
  port: number;
  /** Asks for one cut; connections that are open count from their next message. Null: for none after all. */
  cutNext(cut: Cut | null): void;
  cuts(): number;
  close(): Promise<void>;
}

export async function openCuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let asked: Cut | null = null;
  let messages = 0;
  let cuts = 0;

  /** The cut, when this message is where it was asked for. */
  function take(message: Message): Cut | null {
    messages += 1;
    if (asked === null) return null;
    const isHere = typeof asked.at === 'number' ? messages === asked.at : boundStatement(message) === asked.at;
    if (!isHere) return null;
    const cut = asked;
    asked = null;
    return cut;
  }

  const listener = createServer({ noDelay: true }, (client) => {
    const server = connect({ host: '127.0.0.1', port: target, noDelay: true });
    // every Sync is answered by one ReadyForQuery, and so is the start
    let syncs = 0;
    let readies = 0;
    let cutAtReady = Number.POSITIVE_INFINITY;

    const cutNow = () => {
      cuts += 1;
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    const fromClient = messageReader('startup', (message) => {
      if (client.destroyed) return;
      const cut = message.type === 'startup' ? null : take(message);
      if (cut?.when === 'before') return cutNow();
      if (cut?.when === 'done') cutAtReady = 1 + syncs + 1;
      if (message.type === 'S' || message.type === 'Q') syncs += 1;
      server.write(message.bytes, () => {
        if (cut?.when === 'sent') cutNow();
      });
    });
    const fromServer = messageReader('typed', (message) => {
      if (message.type === 'Z') readies += 1;
      if (readies >= cutAtReady) return cutNow();
      if (cutAtReady === Number.POSITIVE_INFINITY) client.write(message.bytes);
    });
    client.on('data', fromClient);
    server.on('data', fromServer);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address for the proxy');
  return {
    port: address.port,
    cutNext(cut) {
      messages = 0;
      asked = cut;
    },
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, 'close');
    },
  };
}

interface Message {
  /** PostgreSQL 17, "Message Formats": one letter; the first message of a connection has none. */
  type: string;
  bytes: Buffer;
}

/** Splits a stream into messages: a type byte, but for the startup message, and a length that counts itself. */
function messageReader(first: 'startup' | 'typed', use: (message: Message) => void): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  let started = first === 'typed';
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const typeBytes = started ? 1 : 0;
      if (rest.length < typeBytes + 4) return;
      const end = typeBytes + rest.readInt32BE(typeBytes);
      if (rest.length < end) return;
      const bytes = rest.subarray(0, end);
      rest = rest.subarray(end);
      use({ type: started ? String.fromCharCode(bytes[0] ?? 0) : 'startup', bytes });
      started = true;
    }
  };
}

/** The statement that a Bind names: behind the type, the length and the name of the portal. */
function boundStatement({ type, bytes }: Message): string | null {
  if (type !== 'B') return null;
  const start = bytes.indexOf(0, 5) + 1;
  return bytes.toString('utf8', start, bytes.indexOf(0, start));
}
