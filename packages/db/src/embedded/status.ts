import { once } from 'node:events';
import { createServer } from 'node:http';

import { PortTaken } from './failure.ts';
import type { MemberReport } from './observer.ts';
import { MEMBER_NAMES, type MemberName, type PairState } from './state.ts';

/** One member as Patroni's `GET /cluster` shows it. */
export interface Member {
  name: MemberName;
  role: 'leader' | 'sync_standby' | 'replica';
  state: 'running' | 'streaming' | 'starting' | 'stopped' | 'creating replica';
  api_url: string;
  host: string;
  port: number;
  timeline?: number;
  /** Bytes of WAL the leader is ahead; absent on the leader. */
  lag?: number | 'unknown';
}

export interface Cluster {
  scope: string;
  members: Member[];
}

interface ClusterSources {
  state: PairState;
  phases: Record<MemberName, 'stopped' | 'starting' | 'running' | 'stopping' | 'building'>;
  reports: Record<MemberName, MemberReport | null>;
  ports: Record<MemberName, number>;
  statusUrl: string;
}

/** Renders the pair in the shape of Patroni's `GET /cluster`. */
export function renderCluster({ state, phases, reports, ports, statusUrl }: ClusterSources): Cluster {
  const leader = reports[state.primary];
  const members = MEMBER_NAMES.map((name): Member => {
    const report = reports[name];
    const isLeader = name === state.primary && report?.inRecovery === false;
    const streams = leader?.stream?.streaming === true && name !== state.primary;
    return {
      name,
      role: isLeader ? 'leader' : streams && state.synchronous === name ? 'sync_standby' : 'replica',
      state: memberState(phases[name], report !== null, streams),
      api_url: `${statusUrl}/patroni/${name}`,
      host: '127.0.0.1',
      port: ports[name],
      ...(report === null ? {} : { timeline: report.timeline }),
      ...(isLeader ? {} : { lag: lag(leader, report) }),
    };
  });
  return { scope: 'pgha-embedded', members };
}

function memberState(phase: ClusterSources['phases'][MemberName], answers: boolean, streams: boolean): Member['state'] {
  if (phase === 'building') return 'creating replica';
  if (phase === 'starting' || (phase === 'running' && !answers)) return 'starting';
  if (phase !== 'running') return 'stopped';
  return streams ? 'streaming' : 'running';
}

function lag(leader: MemberReport | null, replica: MemberReport | null): number | 'unknown' {
  if (leader === null || replica === null) return 'unknown';
  const behind = leader.position - replica.position;
  return behind < 0n ? 0 : Number(behind);
}

export interface StatusServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Answers `GET /cluster`, and `GET /patroni/NAME` with one member of it.
 *
 * @param read what is known now; given the server's own address, which appears in the answer
 * @throws PortTaken
 */
export async function serveStatus(port: number, read: (url: string) => Cluster): Promise<StatusServer> {
  let url = '';
  const server = createServer((request, response) => {
    const cluster = read(url);
    const path = request.url?.split('?', 1)[0] ?? '/';
    const answer = path === '/cluster' ? cluster : cluster.members.find(({ name }) => path === `/patroni/${name}`);
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: `not found: ${path}; use /cluster` }));
  });
  server.listen({ port, host: '127.0.0.1', exclusive: true });
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new PortTaken(port, 'status');
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address for the status port');
  url = `http://127.0.0.1:${address.port}`;
  return {
    url,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
