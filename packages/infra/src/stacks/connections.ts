import {
  type Cluster,
  loadBalancerListeners,
  nodesOf,
  peerOf,
  type Region,
  type Role,
  regionsOf,
} from '../cluster/index.ts';
import { type Listener, renderMachine, type Site, type Source } from '../machines/index.ts';

/** What has a security group of its own. */
export type Group = Role | 'load-balancer';

/** One end of a connection: machines of one kind in this region, or addresses outside it. */
export type End = { group: Group } | { cidr: string };

/** A permitted TCP connection, as one region's security groups see it. */
export interface Connection {
  from: End;
  to: End;
  port: number;
  /** Why it is permitted; becomes the rule's description. */
  reason: string;
}

/**
 * Every connection that a region's security groups permit, derived from what its machines, and the other region's, listen
 * on: there is no second list of ports that could differ from the machines.
 */
export function connectionsOf(cluster: Cluster, region: Region, siteOf: (region: Region) => Site): Connection[] {
  const here = regionListeners(cluster, region, siteOf(region));
  const peer = peerOf(cluster, region);
  const there = peer === null ? [] : regionListeners(cluster, peer, siteOf(peer));
  return unique([
    ...here.flatMap(({ group, listener }) =>
      listener.from.flatMap((source) => originsOf(cluster, region, source)).map(connect(listener, { group })),
    ),
    // towards the other region: its groups cannot be named from here, its machines' addresses can
    ...there.flatMap(({ group, addresses, listener }) =>
      listener.from
        .flatMap((source) => (peer === null ? [] : originRoles(cluster, peer, source)))
        .filter(({ region: origin }) => origin.kind === region.kind)
        .flatMap(({ role }) =>
          addresses.map((address) => ({
            from: { group: role },
            to: { cidr: `${address}/32` },
            port: listener.port,
            reason: `${listener.purpose} (${group} in ${peer?.awsRegion})`,
          })),
        ),
    ),
    ...waysOut(cluster, region),
  ]);
}

interface GroupListener {
  group: Group;
  addresses: readonly string[];
  listener: Pick<Listener, 'port' | 'purpose' | 'from'>;
}

/** What is listened on in a region, by group: a port that every machine of a role has appears once. */
function regionListeners(cluster: Cluster, region: Region, site: Site): readonly GroupListener[] {
  const machines = rolesOf(region).flatMap((role): GroupListener[] => {
    const nodes = nodesOf(region, role);
    const first = nodes[0];
    if (first === undefined) return [];
    const addresses = nodes.map(({ address }) => address);
    return renderMachine(cluster, first, site).listens.map((listener) => ({ group: role, addresses, listener }));
  });
  const { addresses } = region.loadBalancer;
  const balancer = loadBalancerListeners.map(
    ({ port, purpose }): GroupListener => ({
      group: 'load-balancer',
      addresses,
      // the bastion: an operator's psql through its tunnel; the regions: your own machines beside these
      listener: { port, purpose, from: ['api', 'bastion', 'region', 'peer-region'] },
    }),
  );
  return [...machines, ...balancer];
}

/** Every role that a region has machines of. */
export function rolesOf(region: Region): readonly Role[] {
  return [...new Set(region.nodes.map(({ role }) => role))];
}

/** Who a listener's source is, as the ends of connections into this region. */
function originsOf(cluster: Cluster, region: Region, source: Source): readonly End[] {
  switch (source) {
    case 'admin':
      return cluster.adminCidrs.map((cidr) => ({ cidr }));
    case 'clients':
      return cluster.apiCidrs.map((cidr) => ({ cidr }));
    case 'load-balancer':
      return [{ group: 'load-balancer' }];
    case 'region':
      return [{ cidr: region.cidr }];
    case 'peer-region': {
      const peer = peerOf(cluster, region);
      return peer === null ? [] : [{ cidr: peer.cidr }];
    }
    default:
      return originRoles(cluster, region, source).flatMap(({ role, region: origin }): End[] =>
        origin.kind === region.kind
          ? [{ group: role }]
          : nodesOf(origin, role).map(({ address }) => ({ cidr: `${address}/32` })),
      );
  }
}

/**
 * A role stands for its machines in the same region; where there are none, for those of the other one. API servers are pointed to
 * whichever region acts: they stand for those of both.
 */
function originRoles(cluster: Cluster, region: Region, source: Source): readonly { role: Role; region: Region }[] {
  const bearers = regionsOf(cluster).filter((each) => each.nodes.some(({ role }) => role === source));
  if (source === 'api') return bearers.map((bearer) => ({ role: source, region: bearer }));
  const origin = bearers.find(({ kind }) => kind === region.kind) ?? bearers[0];
  return origin === undefined ? [] : [{ role: source as Role, region: origin }];
}

const connect =
  ({ port, purpose }: GroupListener['listener'], to: End) =>
  (from: End): Connection => ({ from, to, port, reason: purpose });

/** The ports that leave the network, and those that machines hand to the bastion to be translated. */
export const webPorts = [
  { port: 443, reason: 'AWS services, signed packages' },
  { port: 80, reason: 'Debian mirrors: their packages are signed' },
] as const;

function waysOut(cluster: Cluster, region: Region): Connection[] {
  const anywhere: End = { cidr: '0.0.0.0/0' };
  const out = rolesOf(region).flatMap((role) =>
    webPorts.map(({ port, reason }): Connection => ({ from: { group: role }, to: anywhere, port, reason })),
  );
  if (cluster.egress !== 'bastion') return out;
  const translated = privateCidrs(region).flatMap((cidr) =>
    webPorts.map(
      ({ port, reason }): Connection => ({
        from: { cidr },
        to: { group: 'bastion' },
        port,
        reason: `${reason}, NAT for nodes without a public address`,
      }),
    ),
  );
  return [...out, ...translated];
}

const privateCidrs = (region: Region) => region.subnets.map(({ privateCidr }) => privateCidr);

/** What the load balancer itself needs is already there: its targets name it as the source. */
function unique(connections: Connection[]): Connection[] {
  const seen = new Map<string, Connection>();
  for (const connection of connections) {
    const { from, to, port } = connection;
    const key = JSON.stringify([from, to, port]);
    if (!seen.has(key)) seen.set(key, connection);
  }
  return [...seen.values()];
}
