import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBalancerListeners, membersOf, ports, type Region } from '@pgha/infra/cluster';
import { waitUntil } from '../wait-until.ts';
import { networkNames } from './addresses.ts';
import { type ControlGroups, createGroup } from './control-groups.ts';
import { startDetached } from './detached.ts';
import type { BalancerSettings, PublishedView } from './nlb/settings.ts';
import { loadBalancerFolder, type Places } from './places.ts';

/** The fastest checks AWS offers; the timeout is its smallest. */
const check = {
  intervalMs: 5_000,
  timeoutMs: 2_000,
  healthyThreshold: 2,
  unhealthyThreshold: 2,
  port: ports.nodeCheck,
  path: '/',
} as const;
/** AWS's default. */
const idleTimeoutMs = 350_000;
/** Above every keep-alive interval our own clients set. */
const assumedProbeMs = 10_000;

/** The control group, and the name in messages, of a region's load balancer. */
export const loadBalancerName = (region: Region) => `nlb-${region.kind}`;

/** Starts a region's load balancer as a process of its own, in its own network namespace. Returns when it listens. */
export async function startLoadBalancer(places: Places, groups: ControlGroups, region: Region): Promise<void> {
  const folder = loadBalancerFolder(places, region.kind);
  await mkdir(folder, { recursive: true });
  const settings: BalancerSettings = {
    addresses: region.loadBalancer.addresses,
    targets: membersOf(region).map(({ address }) => address),
    listeners: loadBalancerListeners,
    check,
    idleTimeoutMs,
    assumedProbeMs,
    viewFile: join(folder, 'view.json'),
  };
  const settingsFile = join(folder, 'settings.json');
  await writeFile(settingsFile, JSON.stringify(settings));
  const processFiles = await createGroup(groups, loadBalancerName(region), null);
  const program = fileURLToPath(new URL('nlb/main.ts', import.meta.url));
  const log = join(folder, 'output.log');
  const namespace = `/run/netns/${networkNames.loadBalancer(region.kind)}`;
  const child = await startDetached(['nsenter', `--net=${namespace}`, '--', process.execPath, program, settingsFile], {
    processFiles,
    log,
  });
  await waitUntil(
    async () => {
      const output = await readFile(log, 'utf8');
      if (child.exitCode !== null) throw new Error(output.trim());
      return output.includes('listening\n');
    },
    { what: `the load balancer of ${region.awsRegion} to listen`, timeoutMs: 20_000, everyMs: 50 },
  );
}

/** What a region's load balancer believes of its targets, or null while it is not there. */
export async function readBalancerView(places: Places, region: Region): Promise<PublishedView | null> {
  const text = await readFile(join(loadBalancerFolder(places, region.kind), 'view.json'), 'utf8').catch(() => null);
  return text === null ? null : (JSON.parse(text) as PublishedView);
}
