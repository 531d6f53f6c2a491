import { type Cluster, membersOf, type Node, type Region, regionOf, regionsOf } from '@pgha/infra/cluster';
import { renderMachine, renderManifest } from '@pgha/infra/machines';
import { MachineAnswer, parse } from '@pgha/protocol';
import { listMembers } from '../clients/patronictl.ts';
import { type Host, runChecked } from '../hosts/host.ts';
import { reasonIn } from '../hosts/said.ts';
import type { Step } from '../step.ts';
import { type Enterable, planSettings, type RegionDifference } from './apply-settings.ts';
import { waitUntilWhole } from './regions.ts';

/** What a machine would change to become what the cluster's value says. */
export interface MachineDifference {
  machine: string;
  packages: readonly string[];
  files: readonly FileDifference[];
  removed: readonly string[];
  /** unit -> reload or restart */
  actions: Readonly<Record<string, string>>;
  units: readonly string[];
}

interface FileDifference {
  path: string;
  /** Unified, from what the machine has to what it should have. */
  diff: string;
}

/** Beside the manifest in force until the machine itself replaces that. */
const nextManifest = '/var/lib/pgha/machine.next.json';
/** A member that restarted, or was rewound, after a change. */
const wholeTimeoutMs = 180_000;
/** Packages may be fetched, and units take their time to restart. */
const applyTimeoutMs = 600_000;

/** Renders every machine, leaves the manifest with it and asks what would change. Nothing in force is touched. */
export async function compareMachines(
  cluster: Cluster,
  machines: readonly Enterable[],
): Promise<readonly MachineDifference[]> {
  return Promise.all(machines.map((machine) => compareMachine(cluster, machine)));
}

/** Does the difference change anything? */
export function isDifferent({ packages, files, removed, units }: MachineDifference): boolean {
  return [packages, files, removed, units].some((list) => list.length > 0);
}

/**
 * The order machines are changed in: etcd, the second region, replicas, primaries, then what only uses them. A change that
 * breaks a machine is found where it costs least, and stops there.
 */
export function orderOfChange(
  cluster: Cluster,
  machines: readonly Enterable[],
  primaries: ReadonlySet<string>,
): readonly Enterable[] {
  const rank = ({ node }: Enterable): number => {
    if (node.role === 'etcd') return 0;
    if (node.role === 'standby') return primaries.has(node.name) ? 2 : 1;
    if (node.role === 'postgres') return primaries.has(node.name) ? 4 : 3;
    return 5;
  };
  const place = new Map(
    regionsOf(cluster)
      .flatMap(({ nodes }) => nodes)
      .map(({ name }, index) => [name, index]),
  );
  return [...machines].sort(
    (a, b) => rank(a) - rank(b) || (place.get(a.node.name) ?? 0) - (place.get(b.node.name) ?? 0),
  );
}

/**
 * The steps that take back what stands in the servers' own files, change what the members of a region share, and then the machines
 * which differ, one at a time; after each, its region's members have to be well again.
 */
export async function planApply(
  cluster: Cluster,
  machines: readonly Enterable[],
  differences: readonly MachineDifference[],
  regions: readonly RegionDifference[],
  signal: AbortSignal,
): Promise<readonly Step[]> {
  const differing = new Set(differences.filter(isDifferent).map(({ machine }) => machine));
  const primaries = new Set<string>();
  for (const region of regionsOf(cluster)) {
    const members = await listMembers(memberHost(region, machines));
    for (const { name, isLeader } of members) if (isLeader) primaries.add(name);
  }
  const order = orderOfChange(cluster, machines, primaries).filter(({ node }) => differing.has(node.name));
  return [
    ...planSettings(cluster, machines, regions),
    ...order.map(
      ({ node, host, site }): Step => ({
        title: node.name,
        run: async (report) => {
          // whoever compared in the meantime has left his own there
          await leaveManifest(host, renderMachine(cluster, node, site));
          await runChecked(host, ['pgha-machine', 'apply', nextManifest], { timeoutMs: applyTimeoutMs });
          await waitUntilWhole(hostsAmong(machines), regionOf(cluster, node), null, report, signal, wholeTimeoutMs);
        },
      }),
    ),
  ];
}

async function compareMachine(cluster: Cluster, { node, host, site }: Enterable): Promise<MachineDifference> {
  const machine = renderMachine(cluster, node, site);
  await leaveManifest(host, machine);
  const text = await runChecked(host, ['pgha-machine', 'diff', nextManifest]);
  const told = parse(MachineAnswer, text, { program: 'pgha-machine diff', host: host.name, release: null });
  const wanted = new Map(machine.files.map(({ path, content }) => [path, content]));
  const files = [];
  for (const path of told.files) files.push({ path, diff: await diffFile(host, path, wanted.get(path) ?? '') });
  return { machine: node.name, ...told, files };
}

const leaveManifest = (host: Host, machine: ReturnType<typeof renderMachine>) =>
  host.writeFile(nextManifest, renderManifest(machine), { mode: '0600' });

/** diff's exit codes: 0 the same, 1 different, 2 trouble. A file of the same content differs in its owner or mode. */
async function diffFile(host: Host, path: string, wanted: string): Promise<string> {
  const labels = ['--label', `${host.name}:${path}`, '--label', 'wanted'];
  const script = `file=$1; shift; [ -e "$file" ] || file=/dev/null; exec diff -u "$@" "$file" -`;
  const { exitCode, stdout, stderr } = await host.run(['sh', '-c', script, 'sh', path, ...labels], { input: wanted });
  if (exitCode > 1) throw new Error(`${host.name}: cannot compare ${path}: ${reasonIn(stderr)}`);
  return exitCode === 0 ? 'owner or mode differs\n' : stdout;
}

/** The machines as something that has a host for each node. */
function hostsAmong(machines: readonly Enterable[]) {
  return {
    host: ({ name }: Node): Host => {
      const machine = machines.find(({ node }) => node.name === name);
      if (machine === undefined) throw new Error(`the cluster has no node ${name}`);
      return machine.host;
    },
  };
}

function memberHost(region: Region, machines: readonly Enterable[]): Host {
  const names = new Set(membersOf(region).map(({ name }) => name));
  const member = machines.find(({ node }) => names.has(node.name));
  if (member === undefined) throw new Error(`no member of ${region.awsRegion} is reachable`);
  return member.host;
}
