import { once } from 'node:events';
import { createServer } from 'node:net';

import { PortTaken } from './failure.ts';

/** Below Linux's ephemeral range (32768 and up), where an outgoing connection could take the port between our look and PostgreSQL's bind. */
const FIRST_FREE_PORT = 20_000;
const LAST_FREE_PORT = 32_000;

/** @throws PortTaken when somebody listens on it. */
export async function requirePort(port: number, purpose: string): Promise<number> {
  if (await isFree(port)) return port;
  throw new PortTaken(port, purpose);
}

/** Any port of the loopback address nobody listens on, and none of `taken`. */
export async function findFreePort(taken: Set<number>): Promise<number> {
  for (;;) {
    const port = FIRST_FREE_PORT + Math.floor(Math.random() * (LAST_FREE_PORT - FIRST_FREE_PORT));
    if (!taken.has(port) && (await isFree(port))) {
      taken.add(port);
      return port;
    }
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') return false;
    throw error;
  } finally {
    server.close();
  }
}
