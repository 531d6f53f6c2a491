import {
  allNodes,
  type Cluster,
  loadBalancerListeners,
  membersOf,
  nodesOf,
  ports,
  type Region,
  regionsOf,
} from '@pgha/infra/cluster';
import { getHttps, type HttpsEndpoint } from '../clients/https.ts';
import { askAnyMember, isHealthy } from '../clients/patroni.ts';
import { HostUnreachableError } from '../hosts/host.ts';
import { waitUntil } from '../wait-until.ts';
import { type ClusterAccess, connectThroughLoadBalancer, patroniEndpoints } from './access.ts';
import type { ControlGroups } from './control-groups.ts';
import { labHost } from './machines.ts';

/** Slow machines: two cores that boot a dozen others. */
const firstBootTimeoutMs = 240_000;
const serviceTimeoutMs = 180_000;

/** Waits until every machine has become what its manifest says; one that failed for good ends the wait with its journal. */
export async function waitForFirstBoot(
  groups: ControlGroups,
  cluster: Cluster,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Set(allNodes(cluster).map(({ name }) => name));
  await Promise.all(
    [...waiting].map(async (name) => {
      const host = labHost(groups, name);
      await waitUntil(
        async () => {
          const { stdout } = await host
            .run(['systemctl', 'is-active', 'pgha-machine.service'])
            .catch((error: unknown) => {
              if (error instanceof HostUnreachableError)
                throw new Error(`${name} stopped while booting`, { cause: error });
              throw error;
            });
          if (stdout.trim() === 'active') return true;
          const { stdout: journal } = await host.run([
            'journalctl',
            '-q',
            '-t',
            'pgha-machine',
            '-n',
            '3',
            '-o',
            'cat',
          ]);
          throw new Error(`last log line of ${name}: ${journal.trim() || 'none yet'}`);
        },
        { what: `the first boot of ${name}`, timeoutMs: firstBootTimeoutMs, everyMs: 1_000, signal },
      );
      waiting.delete(name);
      report(waiting.size === 0 ? 'done' : `waiting for ${[...waiting].join(', ')}`);
    }),
  );
}

/** What Patroni calls a member that confirms commits. */
const synchronousRoles: readonly string[] = ['sync_standby', 'quorum_standby'];

/** Waits until every member of a region is where it should be, and commits wait for one of them where there are several. */
export async function waitForMembers(region: Region, ca: string, signal?: AbortSignal): Promise<void> {
  const names = membersOf(region).map(({ name }) => name);
  await waitUntil(
    async () => {
      const { members, leader } = await askAnyMember(patroniEndpoints(region, ca));
      const missing = names.filter((name) => !members.some((member) => member.name === name && isWell(member, region)));
      const isCovered = names.length === 1 || members.some(({ role }) => synchronousRoles.includes(role));
      if (leader !== null && missing.length === 0 && isCovered) return true;
      if (missing.length === 0) throw new Error('there is no synchronous standby yet');
      const seen = members.map(({ name, role, state }) => `${name} ${role} ${state}`).join(', ');
      throw new Error(`not ready yet: ${missing.join(', ')}; members known to Patroni: ${seen || 'none'}`);
    },
    {
      what: `all members of ${region.awsRegion} to be healthy`,
      timeoutMs: serviceTimeoutMs,
      everyMs: 500,
      ...(signal === undefined ? {} : { signal }),
    },
  );
}

/** The standby cluster's leader streams from the other region, like everybody else. */
const isWell = (member: Parameters<typeof isHealthy>[0], region: Region) =>
  region.kind === 'primary' || member.role !== 'standby_leader' ? isHealthy(member) : member.state === 'streaming';

/** Waits until commits through each of the load balancer's writing ports are acknowledged. */
export async function waitForWrites(cluster: Cluster, access: ClusterAccess, signal?: AbortSignal): Promise<void> {
  const region = cluster.primary;
  for (const { port, purpose } of loadBalancerListeners.filter(({ purpose }) => purpose !== 'read-only')) {
    await waitUntil(
      async () => {
        const client = await connectThroughLoadBalancer(cluster, region, access, port);
        try {
          // asking for a transaction id makes the commit a real one, which a standby confirms
          await client.query('select pg_current_xact_id()');
        } finally {
          await client.end();
        }
        return true;
      },
      {
        what: `a ${purpose} commit through ${region.loadBalancer.hostname}:${port}`,
        timeoutMs: serviceTimeoutMs,
        everyMs: 300,
        ...(signal === undefined ? {} : { signal }),
      },
    );
  }
}

/** Waits until every region's members are well. */
export async function waitForAllMembers(cluster: Cluster, ca: string, signal?: AbortSignal): Promise<void> {
  for (const region of regionsOf(cluster)) await waitForMembers(region, ca, signal);
}

/** Waits until both HTTP services say that they are ready, database included. */
export async function waitForServices(cluster: Cluster, ca: string, signal?: AbortSignal): Promise<void> {
  for (const { address, hostname } of nodesOf(cluster.primary, 'api')) {
    for (const port of [ports.api, ports.readApi]) {
      await waitUntil(() => isReady({ address, hostname, port, ca }), {
        what: `https://${hostname}:${port}/ready`,
        timeoutMs: serviceTimeoutMs,
        everyMs: 500,
        ...(signal === undefined ? {} : { signal }),
      });
    }
  }
}

async function isReady(service: HttpsEndpoint): Promise<true> {
  const { status, body } = await getHttps(service, '/ready');
  if (status !== 200) throw new Error(`it returned HTTP ${status}: ${body}`);
  return true;
}
