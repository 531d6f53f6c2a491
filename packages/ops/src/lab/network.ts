import { readdir, readFile } from 'node:fs/promises';
import type { Cluster, Region } from '@pgha/infra/cluster';
import { regionsOf } from '@pgha/infra/cluster';
import {
  awsAddresses,
  awsNetwork,
  gatewayOf,
  hardwareAddressOf,
  hostLink,
  neighboursOf,
  networkNames,
  peeringEnds,
  prefixLengthOf,
  uplinkOf,
} from './addresses.ts';
import { command, inNetwork } from './command.ts';
import { prefix } from './places.ts';

const { hub, bridge, peering, uplink } = networkNames;

/**
 * The lab's networks: a namespace a region with a bridge its machines hang on, the peering as a link between the two, and
 * a hub that stands for the internet. All of it lives in namespaces; this machine gets one interface and the routes to it.
 *
 * @throws when something of a lab is there already: `removeNetworks` first.
 */
export async function createNetworks(cluster: Cluster): Promise<void> {
  const regions = regionsOf(cluster);
  await createHub(regions);
  for (const region of regions) {
    await createRegion(region);
    await createLoadBalancerNetwork(region);
  }
  if (cluster.dr !== null) await createPeering(cluster.primary, cluster.dr);
}

/** Removes every namespace of a lab, and with them all their interfaces and this machine's routes. */
export async function removeNetworks(): Promise<void> {
  // first, because the kernel takes the other end of a pair away a moment after its namespace
  if (await hasInterface(hostLink.interface)) await command(['ip', 'link', 'delete', hostLink.interface]);
  for (const name of await labNamespaces()) await command(['ip', 'netns', 'delete', name]);
}

/** The namespaces of a lab that are there. */
export async function labNamespaces(): Promise<string[]> {
  const names = await readdir('/run/netns').catch(() => []);
  return names.filter((name) => name.startsWith(`${prefix}-`)).sort();
}

/** Does this machine have the interface? */
async function hasInterface(name: string): Promise<boolean> {
  return (await readFile('/proc/net/dev', 'utf8')).includes(`${name}:`);
}

async function createHub(regions: readonly Region[]): Promise<void> {
  const { host, hub: hubAddress, prefixLength, interface: outside } = hostLink;
  await createNamespace(hub);
  await configure(hub, [
    `link add ${bridge} type bridge`,
    `address add ${awsNetwork.gateway}/${awsNetwork.prefixLength} dev ${bridge}`,
    `link set ${bridge} up`,
    // every machine asks this address for its role's credentials
    `route replace ${awsAddresses.metadata} via ${awsAddresses.machine} dev ${bridge}`,
  ]);
  await command(['ip', 'link', 'add', outside, 'type', 'veth', 'peer', 'name', 'host', 'netns', hub]);
  await command(['ip', 'address', 'add', `${host}/${prefixLength}`, 'dev', outside]);
  await command(['ip', 'link', 'set', outside, 'up']);
  await configure(hub, [`address add ${hubAddress}/${prefixLength} dev host`, 'link set host up']);
  for (const cidr of [...regions.map((region) => region.cidr), awsNetwork.cidr]) {
    await command(['ip', 'route', 'replace', cidr, 'via', hubAddress, 'dev', outside]);
  }
}

async function createRegion(region: Region): Promise<void> {
  const name = networkNames.region(region.kind);
  const { hub: hubEnd, region: regionEnd } = uplinkOf(region.kind);
  await createNamespace(name);
  await configure(name, [
    `link add ${bridge} address ${hardwareAddressOf(gatewayOf(region.cidr))} type bridge`,
    `address add ${gatewayOf(region.cidr)}/${prefixLengthOf(region.cidr)} dev ${bridge}`,
    `link set ${bridge} up`,
    ...neighbourLines(neighboursOf(region), bridge),
  ]);
  const toHub = `to-${region.kind}`;
  await command(inNetwork(hub, ['ip', 'link', 'add', toHub, 'type', 'veth', 'peer', 'name', uplink, 'netns', name]));
  await configure(hub, [
    `address add ${hubEnd}/30 dev ${toHub}`,
    `link set ${toHub} up`,
    `route replace ${region.cidr} via ${regionEnd} dev ${toHub}`,
  ]);
  await configure(name, [
    `address add ${regionEnd}/30 dev ${uplink}`,
    `link set ${uplink} up`,
    `route replace default via ${hubEnd} dev ${uplink}`,
  ]);
}

async function createLoadBalancerNetwork(region: Region): Promise<void> {
  const name = networkNames.loadBalancer(region.kind);
  const [first] = region.loadBalancer.addresses;
  if (first === undefined) throw new Error(`the load balancer of ${region.awsRegion} has no address`);
  await createNamespace(name);
  const inside = networkNames.region(region.kind);
  await command(inNetwork(inside, ['ip', 'link', 'add', 'nlb', 'type', 'veth', 'peer', 'name', 'nlb', 'netns', name]));
  await configure(inside, [`link set nlb master ${bridge}`, 'link set nlb up']);
  await configure(name, [
    `link set nlb address ${hardwareAddressOf(first)}`,
    ...region.loadBalancer.addresses.map((address) => `address add ${address}/${prefixLengthOf(region.cidr)} dev nlb`),
    'link set nlb up',
    ...neighbourLines(neighboursOf(region), 'nlb'),
    `route replace default via ${gatewayOf(region.cidr)} dev nlb`,
  ]);
}

async function createPeering(primary: Region, dr: Region): Promise<void> {
  const [near, far] = [networkNames.region('primary'), networkNames.region('dr')];
  await command(inNetwork(near, ['ip', 'link', 'add', peering, 'type', 'veth', 'peer', 'name', peering, 'netns', far]));
  // the blackhole is what remains while the peering is cut: the way over the hub is not the peering's substitute
  await configure(near, [
    `address replace ${peeringEnds.primary}/30 dev ${peering}`,
    `link set ${peering} up`,
    `route replace ${dr.cidr} via ${peeringEnds.dr} dev ${peering}`,
    `route replace blackhole ${dr.cidr} metric 4096`,
  ]);
  await configure(far, [
    `address replace ${peeringEnds.dr}/30 dev ${peering}`,
    `link set ${peering} up`,
    `route replace ${primary.cidr} via ${peeringEnds.primary} dev ${peering}`,
    `route replace blackhole ${primary.cidr} metric 4096`,
  ]);
}

const neighbourLines = (neighbours: ReturnType<typeof neighboursOf>, device: string) =>
  neighbours.map(
    ({ address, hardwareAddress }) => `neighbour replace ${address} lladdr ${hardwareAddress} dev ${device}`,
  );

/** A namespace that forwards, with its loopback up. */
async function createNamespace(name: string): Promise<void> {
  await command(['ip', 'netns', 'add', name]);
  await command(inNetwork(name, ['sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']));
  await configure(name, ['link set lo up']);
}

/** Many `ip` commands in one process. */
async function configure(namespace: string, lines: readonly string[]): Promise<void> {
  await command(inNetwork(namespace, ['ip', '-batch', '-']), { input: `${lines.join('\n')}\n` });
}
