import { ports } from '@pgha/infra/cluster';
import { getHttps } from './https.ts';

/** A member as Patroni's `GET /cluster` tells it (Patroni 4.0, "REST API"). */
export interface PatroniMember {
  name: string;
  /** `leader`, `replica`, `sync_standby`, `quorum_standby`, `standby_leader`. */
  role: string;
  /** `running` on a primary, `streaming` or `in archive recovery` on a replica, else what keeps it from serving. */
  state: string;
  timeline: number | null;
  /** Bytes behind the leader; null where Patroni does not know. */
  lagBytes: number | null;
}

export interface PatroniCluster {
  members: readonly PatroniMember[];
  /** The member that holds the leader key, of a standby cluster too. */
  leader: PatroniMember | null;
}

/** How to reach one member's REST API. */
export interface PatroniEndpoint {
  address: string;
  /** The name its certificate carries. */
  hostname: string;
  /** PEM of the CA that signed it. */
  ca: string;
}

/**
 * Asks one member about all of them.
 *
 * @throws when it does not answer within 3 s.
 */
async function readPatroniCluster(endpoint: PatroniEndpoint): Promise<PatroniCluster> {
  const { status, body } = await getHttps({ ...endpoint, port: ports.patroni }, '/cluster');
  if (status !== 200) throw new Error(`Patroni returned HTTP ${status}: ${body.slice(0, 200)}`);
  const { members: told = [] } = JSON.parse(body) as { members?: readonly RawMember[] };
  const members = told.map(toMember);
  return { members, leader: members.find(({ role }) => role === 'leader' || role === 'standby_leader') ?? null };
}

/** The first member that answers tells about the cluster; which one it is does not matter. */
export async function askAnyMember(endpoints: readonly PatroniEndpoint[]): Promise<PatroniCluster> {
  return Promise.any(endpoints.map(readPatroniCluster)).catch((error: AggregateError) => {
    const reasons = error.errors.map((reason: Error, index) => `${endpoints[index]?.hostname}: ${reason.message}`);
    throw new Error(`Patroni is not responding on any member (${reasons.join('; ')})`, { cause: error });
  });
}

/** Is this member where it should be: the leader running, everybody else streaming? */
export function isHealthy({ role, state }: PatroniMember): boolean {
  return role === 'leader' ? state === 'running' : state === 'streaming';
}

interface RawMember {
  name: string;
  role: string;
  state: string;
  timeline?: number;
  lag?: number | 'unknown';
}

function toMember({ name, role, state, timeline, lag }: RawMember): PatroniMember {
  return { name, role, state, timeline: timeline ?? null, lagBytes: typeof lag === 'number' ? lag : null };
}
