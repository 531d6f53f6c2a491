import { membersOf, type Node, nodesOf, type Region, regionOf } from '@pgha/infra/cluster';
import { etcdAuthProgram } from '@pgha/infra/machines';
import { observe } from '../../clients/observation.ts';
import { listMembers } from '../../clients/patronictl.ts';
import { RefusedError } from '../../exit-codes.ts';
import { type Host, HostUnreachableError, runChecked } from '../../hosts/host.ts';
import { reasonIn } from '../../hosts/said.ts';
import { enterAll } from '../../installation/installation.ts';
import type { Report, Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { orderOfChange } from '../apply.ts';
import type { SecretsSetting } from './setting.ts';

/** Above what a machine waits for Parameter Store, and for its services to drain and restart. */
const fetchTimeoutMs = 240_000;
/** Reloads and restarts are over in seconds; a busy machine may need more. */
const settleTimeoutMs = 120_000;

/** Every machine of these regions in the order they are changed in: what serves the data comes late, the primaries last of it. */
export async function machinesInOrder(setting: SecretsSetting): Promise<readonly Node[]> {
  const leaders = new Set<string>();
  for (const region of setting.regions) {
    const members = await membersSeen(setting, region);
    for (const { name, isLeader } of members ?? []) if (isLeader) leaders.add(name);
  }
  const nodes = setting.regions.flatMap((region) => region.nodes);
  return orderOfChange(setting.cluster, enterAll(setting, nodes), leaders).map(({ node }) => node);
}

/**
 * Does something on a machine.
 *
 * @returns null when it is off: it brings its secrets up to date when it starts.
 * @throws HostUnreachableError when it runs and is unreachable: it would go on with what it has.
 */
export async function onMachine<T>(
  { host, power }: Pick<SecretsSetting, 'host' | 'power'>,
  node: Node,
  work: (host: Host) => Promise<T>,
): Promise<T | null> {
  try {
    return await work(host(node));
  } catch (error) {
    if (error instanceof HostUnreachableError && (await power.state(node)) !== 'running') return null;
    throw error;
  }
}

/** Brings the secrets of one machine up to date; what it restarts is waited for. */
async function fetchOn(setting: SecretsSetting, node: Node, settles: boolean): Promise<'fetched' | 'off'> {
  setting.signal.throwIfAborted();
  const fetched = await onMachine(setting, node, (host) =>
    runChecked(host, ['pgha-secrets', 'fetch'], { timeoutMs: fetchTimeoutMs }),
  );
  if (fetched === null) return 'off';
  // a service restarts for any of its secrets
  if (settles || node.role === 'api') await waitUntilServing(setting, node);
  return 'fetched';
}

/**
 * A step in which machines fetch what is new. It may be repeated at no cost: a machine that has everything changes nothing.
 *
 * @param oneByOne where what changed restarts something that its neighbours stand in for.
 */
export function fetchStep(
  setting: SecretsSetting,
  title: string,
  nodes: readonly Node[] | (() => Promise<readonly Node[]>),
  { oneByOne = false }: { oneByOne?: boolean } = {},
): Step {
  return {
    title,
    run: async (report) => {
      const wanted = typeof nodes === 'function' ? await nodes() : nodes;
      const off: string[] = [];
      const fetch = async (node: Node) => {
        if ((await fetchOn(setting, node, oneByOne)) === 'off') off.push(node.name);
        report(node.name);
      };
      if (oneByOne) for (const node of wanted) await fetch(node);
      else await Promise.all(wanted.map(fetch));
      reportOff(report, off);
    },
  };
}

function reportOff(report: Report, off: readonly string[]): void {
  if (off.length > 0) report(`${off.join(', ')} is stopped and fetches the secrets when it starts`);
}

/** Waits until a machine does its work again after something of it was reloaded or restarted; one that is off has none. */
export async function waitUntilServing(setting: SecretsSetting, node: Node): Promise<void> {
  const look = lookerOf(setting, node);
  if (look === null) return;
  const { signal } = setting;
  const lookUnlessOff = async () => (await onMachine(setting, node, look)) ?? true;
  await waitUntil(lookUnlessOff, {
    what: `${node.name} to be healthy`,
    timeoutMs: settleTimeoutMs,
    everyMs: 500,
    signal,
  });
}

function lookerOf({ cluster }: SecretsSetting, node: Node): ((host: Host) => Promise<boolean>) | null {
  switch (node.role) {
    case 'etcd':
      return async (host) => {
        const sick = await unhealthyEtcd(host);
        if (sick.some((endpoint) => endpoint.includes(node.hostname))) throw new Error('its etcd is not healthy');
        return true;
      };
    case 'postgres':
    case 'standby':
      return async (host) => {
        const members = await listMembers(host);
        const unwell = members.find(({ isWell, state }) => !isWell && state !== 'in archive recovery');
        if (unwell !== undefined) throw new Error(`${unwell.name} is ${unwell.state}`);
        const names = membersOf(regionOf(cluster, node)).map(({ name }) => name);
        return names.includes(node.name) && members.some(({ name }) => name === node.name);
      };
    case 'api':
      return async (host) => {
        const { api } = await observe(host);
        if (api === undefined || 'error' in api) throw new Error(`the state of its services is unknown: ${api?.error}`);
        const waiting = Object.entries(api.ready).find(([, state]) => state !== 'ready');
        if (waiting !== undefined) throw new Error(`${waiting[0]} reports ${waiting[1]}`);
        return true;
      };
    default:
      return null;
  }
}

/** A region's members as the first of its machines that is reachable has them; null: none can. */
async function membersSeen({ host }: Pick<SecretsSetting, 'host'>, region: Region) {
  for (const node of membersOf(region)) {
    try {
      return await listMembers(host(node));
    } catch (error) {
      if (!(error instanceof HostUnreachableError)) throw error;
    }
  }
  return null;
}

/**
 * The primary's machine, and the region it stands in.
 *
 * @throws RefusedError when there is none: nothing can be told to the database.
 */
export async function findPrimary(setting: SecretsSetting): Promise<{ node: Node; region: Region }> {
  for (const region of setting.regions) {
    const leader = (await membersSeen(setting, region))?.find(({ role }) => role === 'leader');
    const node = membersOf(region).find(({ name }) => name === leader?.name);
    if (node !== undefined) return { node, region };
  }
  throw new RefusedError('there is no primary on which to set the password. Check "pgha status"');
}

/** The endpoints of a region's etcd that do not serve; one of its machines asks them all. */
export async function unhealthyEtcd(host: Host): Promise<readonly string[]> {
  // it ends with 1 when one of them is not healthy, and tells which all the same
  const { stdout, stderr } = await host.run(['pgha-etcdctl', 'endpoint', 'health', '--write-out=json']);
  if (!stdout.startsWith('[')) throw new Error(`the health of etcd is unknown: ${reasonIn(stderr)}`);
  const endpoints = JSON.parse(stdout) as readonly { endpoint: string; health: boolean }[];
  return endpoints.filter(({ health }) => !health).map(({ endpoint }) => endpoint);
}

/**
 * Whether any machine of a region runs: one that is off as a whole catches up when it starts.
 */
export async function isRunning({ power }: Pick<SecretsSetting, 'power'>, region: Region): Promise<boolean> {
  return (await Promise.all(region.nodes.map((node) => power.state(node)))).includes('running');
}

/**
 * Makes each region's etcd take the passwords of its first machine, which alone has them all.
 *
 * @throws RefusedError when that machine is off and others of its region run: they would present what their etcd does not know.
 */
export async function updateEtcdUsers(setting: SecretsSetting): Promise<void> {
  for (const region of setting.regions) {
    const [first] = nodesOf(region, 'etcd');
    if (first === undefined) continue;
    const updated = await onMachine(setting, first, (host) => runChecked(host, [etcdAuthProgram]));
    if (updated !== null) continue;
    if (await isRunning(setting, region)) {
      throw new RefusedError(`${first.name} is stopped, and etcd passwords can only be set from there. Start it first`);
    }
  }
}
