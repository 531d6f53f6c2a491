import type { Region } from '@pgha/infra/cluster';
import { awsAddresses, networkNames, peeringEnds } from '../../src/lab/addresses.ts';
import { command, inNetwork } from '../../src/lab/command.ts';
import { restartMachine, stopMachine } from '../../src/lab/power.ts';
import type { RunningLab } from './running-lab.ts';

const ends = ['primary', 'dr'] as const;

/** Cuts the peering: packets from one region to the other vanish. */
export async function cutPeering(): Promise<void> {
  const { peering, region } = networkNames;
  await command(inNetwork(region('primary'), ['ip', 'link', 'set', peering, 'down']));
}

/** Mends it. The kernel has taken the route away together with the link. */
export async function mendPeering({ cluster }: RunningLab): Promise<void> {
  const { peering, region } = networkNames;
  for (const end of ends) {
    const other = end === 'primary' ? cluster.dr : cluster.primary;
    const via = end === 'primary' ? peeringEnds.dr : peeringEnds.primary;
    await command(inNetwork(region(end), ['ip', 'link', 'set', peering, 'up']));
    const route = ['ip', 'route', 'replace', other?.cidr ?? '', 'via', via, 'dev', peering];
    await command(inNetwork(region(end), route));
  }
}

/** Pulls the plug of every machine of a region, all at once. */
export async function cutRegion({ places }: RunningLab, { nodes }: Region): Promise<void> {
  await Promise.all(nodes.map(({ name }) => stopMachine(places, name, 'power-cut')));
}

/** The power of a region returns. */
export async function powerRegion({ places }: RunningLab, { nodes }: Region): Promise<void> {
  for (const { name } of nodes) await restartMachine(places, name);
}

const farRepositoryRoute = (verb: 'replace' | 'delete') =>
  command(inNetwork(networkNames.hub, ['ip', 'route', verb, 'blackhole', `${awsAddresses.s3.dr}/32`]));

/** Packets to the second region's S3 vanish, from wherever they come. */
export async function cutFarRepository(): Promise<void> {
  await farRepositoryRoute('replace');
}

/** It answers again. */
export async function mendFarRepository(): Promise<void> {
  // it may be mended already
  await farRepositoryRoute('delete').catch(() => undefined);
}
