import { type Cluster, membersOf, type Node, nodesOf, type Region, regionsOf } from '@pgha/infra/cluster';
import type { Site } from '@pgha/infra/machines';
import { readOverrides, takeBack } from '../clients/durability.ts';
import { mergeDynamicConfig } from '../clients/patronictl.ts';
import { query } from '../clients/psql.ts';
import type { Host } from '../hosts/host.ts';
import type { Step } from '../step.ts';
import { type DynamicDifference, type KeptSetting, onlyAgreed, type SettingChange } from './dynamic-config.ts';
import { compareRegionSettings, readDynamic } from './region-settings.ts';
import { isInFile, type MemberOverride, type MemberOverrides, overridesOf } from './status/durability-findings.ts';

/** A machine of the cluster and the way into it. */
export interface Enterable {
  node: Node;
  host: Host;
  site: Site;
}

/** What a region's members share and would change, what stays, and which settings are overridden behind the configuration's back. */
export interface RegionDifference {
  region: string;
  settings: readonly SettingChange[];
  kept: readonly KeptSetting[];
  overrides: readonly MemberOverride[];
}

/** Compares each region's dynamic configuration with the cluster's, and asks its members for overrides. Nothing is changed. */
export async function compareRegions(
  cluster: Cluster,
  machines: readonly Enterable[],
): Promise<readonly RegionDifference[]> {
  const regions = await Promise.all(
    regionsOf(cluster).map(async (region) => {
      const members = await askMembers(region, machines);
      return { region, members, dynamic: await compareRegion(cluster, region, machines, members) };
    }),
  );
  const overrides = overridesOf(regions.flatMap(({ members }) => members));
  return regions.map(({ region, members, dynamic: { changes, kept } }) => ({
    region: region.awsRegion,
    settings: changes,
    kept,
    overrides: overrides.filter(({ member }) => members.some((each) => each.member === member)),
  }));
}

/** Whether there is anything to change. */
export const isChange = ({ settings, overrides }: RegionDifference) =>
  settings.length > 0 || overrides.some(({ override }) => isInFile(override));

/** The steps that change what was shown, and nothing else: what has become unsafe since then stays. */
export function planSettings(
  cluster: Cluster,
  machines: readonly Enterable[],
  differences: readonly RegionDifference[],
): readonly Step[] {
  return differences.flatMap(({ region: name, settings, overrides }) => {
    const region = regionsOf(cluster).find(({ awsRegion }) => awsRegion === name);
    if (region === undefined) throw new Error(`the cluster has no region ${name}`);
    const inFiles = new Map<string, string[]>();
    for (const { member, override } of overrides.filter((each) => isInFile(each.override)))
      inFiles.set(member, [...(inFiles.get(member) ?? []), override.setting]);
    const removals = [...inFiles].map(
      ([member, names]): Step => ({
        title: `Remove ${names.join(', ')} from the server's own configuration files on ${member}`,
        run: () => takeBack(hostNamed(machines, member), names),
      }),
    );
    if (settings.length === 0) return removals;
    const change: Step = {
      title: `Change the dynamic configuration of ${name}: ${settings.map(({ key }) => key).join(', ')}`,
      run: async () => {
        const now = await compareRegion(cluster, region, machines, await askMembers(region, machines));
        const patch = onlyAgreed(now, settings);
        if (Object.keys(patch).length > 0) await mergeDynamicConfig(anyMember(region, machines), patch);
      },
    };
    return [...removals, change];
  });
}

interface Member extends MemberOverrides {
  logicalSlots: readonly string[];
}

async function compareRegion(
  cluster: Cluster,
  region: Region,
  machines: readonly Enterable[],
  members: readonly Member[],
): Promise<DynamicDifference> {
  const logicalSlots = members.flatMap((each) => each.logicalSlots.map((slot) => `${slot} on ${each.member}`));
  const names = new Set(nodesOf(region, 'etcd').map(({ name }) => name));
  const now = await readDynamic(
    cluster,
    machines.filter(({ node }) => names.has(node.name)).map(({ host }) => host),
  );
  // a region that was never started gets it whole, from its first member
  if (now === null) return { changes: [], kept: [], patch: {} };
  return compareRegionSettings(cluster, region, now, logicalSlots);
}

const memberQuery = `select json_build_object('isPrimary', not pg_is_in_recovery(), 'logicalSlots',
  (select coalesce(json_agg(slot_name), '[]') from pg_replication_slots where slot_type = 'logical'))`;
const queryTimeoutMs = 15_000;

/** What the members say of themselves; one that cannot say it has nothing that could be told of it. */
async function askMembers(region: Region, machines: readonly Enterable[]): Promise<readonly Member[]> {
  const names = new Set(membersOf(region).map(({ name }) => name));
  return Promise.all(
    machines
      .filter(({ node }) => names.has(node.name))
      .map(async ({ node, host }): Promise<Member> => {
        const [overrides, told] = await Promise.all([
          readOverrides(host).catch(() => null),
          query(host, memberQuery, 'postgres', queryTimeoutMs)
            .then((text) => JSON.parse(text) as Pick<Member, 'isPrimary' | 'logicalSlots'>)
            .catch(() => ({ isPrimary: false, logicalSlots: [] })),
        ]);
        return { member: node.name, region: region.awsRegion, ...told, overrides: overrides ?? [] };
      }),
  );
}

function hostNamed(machines: readonly Enterable[], name: string): Host {
  const machine = machines.find(({ node }) => node.name === name);
  if (machine === undefined) throw new Error(`the cluster has no node ${name}`);
  return machine.host;
}

function anyMember(region: Region, machines: readonly Enterable[]): Host {
  const names = new Set(membersOf(region).map(({ name }) => name));
  const member = machines.find(({ node }) => names.has(node.name));
  if (member === undefined) throw new Error(`no member of ${region.awsRegion} is reachable`);
  return member.host;
}
