import { type Cluster, deploymentName, type Region, regionsOf } from '@pgha/infra/cluster';
import { RefusedError } from '../../exit-codes.ts';

/** A region as the command line names it. */
export type Target = Region['kind'];

/** What one command is about. */
export interface Scope {
  cluster: Cluster;
  target: Target;
  region: Region;
  /** The other region is lost, or not to be touched: nothing of it is read or written. */
  alone: boolean;
}

/**
 * @throws RefusedError when the configuration has no such region.
 */
export function scopeOf(cluster: Cluster, target: Target, alone: boolean): Scope {
  const region = target === 'primary' ? cluster.primary : cluster.dr;
  if (region === null) {
    throw new RefusedError('the configuration has no DR region. Add one: dr: { awsRegion: "us-west-2" }');
  }
  return { cluster, target, region, alone };
}

/** The regions whose data a deploy provides: the machines of either archive into both repositories from the start. */
export function dataRegions({ cluster, region, alone }: Scope): readonly Region[] {
  return alone ? [region] : regionsOf(cluster);
}

/** The stacks of a deploy in their order: data, the region itself, and last what spans both. */
export function stacksOf(scope: Scope): readonly string[] {
  const { target, alone } = scope;
  const data = dataRegions(scope).map(({ kind }) => `${kind}-data`);
  return [...data, target, ...(target === 'dr' && !alone ? ['peering'] : [])];
}

/** Where everything of a deployment that is not in AWS lies, below the checkout. */
export function deploymentFolders(workspace: string, cluster: Cluster) {
  const root = `${workspace}/.pgha`;
  return {
    rendered: `${root}/terraform/${deploymentName(cluster)}`,
    plugins: `${root}/terraform/plugins`,
    state: `${root}/state/${deploymentName(cluster)}`,
    releases: `${root}/releases`,
    lockFile: `${workspace}/packages/infra/terraform.lock.hcl`,
  };
}
