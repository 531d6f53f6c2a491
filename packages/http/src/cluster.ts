import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { type Static, Type } from 'typebox';

export const ClusterSchema = Type.Object(
  {
    scope: Type.String(),
    members: Type.Array(
      Type.Object({
        name: Type.String(),
        role: Type.String({ description: 'leader, sync_standby, quorum_standby, replica, standby_leader' }),
        state: Type.String(),
        timeline: Type.Union([Type.Integer(), Type.Null()]),
        lag: Type.Union([Type.Integer(), Type.Null()], { description: 'bytes behind the leader; null if unknown' }),
      }),
    ),
    leader: Type.Union([Type.String(), Type.Null()]),
    synchronous: Type.Boolean({ description: 'whether there is a synchronous standby' }),
    timestamp: Type.String({ format: 'date-time' }),
  },
  {
    $id: 'Cluster',
    examples: [
      {
        scope: 'pgha',
        members: [
          { name: 'pg1', role: 'leader', state: 'running', timeline: 3, lag: null },
          { name: 'pg2', role: 'sync_standby', state: 'streaming', timeline: 3, lag: 0 },
        ],
        leader: 'pg1',
        synchronous: true,
        timestamp: '2026-01-15T14:30:00.000Z',
      },
    ],
  },
);
export type ClusterView = Static<typeof ClusterSchema>;

/** What Patroni's `GET /cluster` answers, as far as it is used (Patroni 4.0, REST API). */
interface PatroniCluster {
  scope?: string;
  members: { name: string; role: string; state: string; timeline?: number; lag?: number | string }[];
}

const timeoutMs = 1_500;
const synchronousRoles = new Set(['sync_standby', 'quorum_standby']);

/**
 * Asks the URLs in turn until one reports a primary. They may be of two regions, of which one is a standby: it is returned
 * only when no URL reports a primary. Throws an error that names every URL that did not respond.
 */
export async function readCluster(urls: string[], ca: string | null): Promise<ClusterView> {
  const failures: string[] = [];
  let without: PatroniCluster | null = null;
  for (const url of urls) {
    try {
      const cluster = (await getJson(new URL('/cluster', url), ca)) as PatroniCluster;
      if (cluster.members.some(({ role }) => role === 'leader')) return toView(cluster);
      without ??= cluster;
    } catch (error) {
      failures.push(`${url}: ${(error as Error).message}`);
    }
  }
  if (without !== null) return toView(without);
  throw new Error(urls.length === 0 ? 'PATRONI_URLS is not set' : failures.join('; '));
}

function toView({ scope, members }: PatroniCluster): ClusterView {
  const isLeader = (role: string) => role === 'leader' || role === 'standby_leader';
  return {
    scope: scope ?? 'pgha',
    members: members.map(({ name, role, state, timeline, lag }) => ({
      name,
      role,
      state,
      timeline: timeline ?? null,
      lag: typeof lag === 'number' ? lag : null,
    })),
    leader: members.find((member) => isLeader(member.role) && member.state === 'running')?.name ?? null,
    synchronous: members.some((member) => synchronousRoles.has(member.role)),
    timestamp: new Date().toISOString(),
  };
}

function getJson(url: URL, ca: string | null): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = { timeout: timeoutMs, ...(ca === null ? {} : { ca }) };
    const request = (url.protocol === 'https:' ? httpsGet : httpGet)(url, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(JSON.parse(text));
        } catch {
          reject(new Error(`status ${response.statusCode}, body is not JSON`));
        }
      });
    });
    request.on('timeout', () => request.destroy(new Error(`no response within ${timeoutMs} ms`)));
    request.on('error', reject);
  });
}
