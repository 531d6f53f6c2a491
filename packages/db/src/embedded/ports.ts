import { once } from 'node:events';
import { createServer } from 'node:net';

import { PortTaken } from './failure.ts';
import type { MemberName } from './state.ts';

/** Below Linux's ephemeral range (32768 and up), where an outgoing connection could take the port between our look and PostgreSQL's bind. */
const FIRST_FREE_PORT = 20_000;
const LAST_FREE_PORT = 32_000;

/** 0 or absent: any free port. */
export interface PortChoice {
  primary?: number;
  replica?: number;
  members?: [number, number];
  status?: number;
}

export interface Ports extends Record<MemberName, number> {
  primary: number;
  replica: number;
  status: number;
}

/** @throws PortTaken when somebody listens on a port that was asked for. */
export async function choosePorts(wanted: PortChoice): Promise<Ports> {
  const { primary = 0, replica = 0, members: [pg1, pg2] = [0, 0], status = 0 } = wanted;
  const taken = new Set([primary, replica, pg1, pg2, status]);
  const choose = (port: number, purpose: string) => (port === 0 ? findFreePort(taken) : requirePort(port, purpose));
  return {
    primary: await choose(primary, 'primary'),
    replica: await choose(replica, 'replica'),
    pg1: await choose(pg1, 'pg1'),
    pg2: await choose(pg2, 'pg2'),
    status: await choose(status, 'status'),
  };
}

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
