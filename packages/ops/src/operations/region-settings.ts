import { type Cluster, type Region, regionsOf } from '@pgha/infra/cluster';
import {
  epochKey,
  fullBackupKey,
  patroniDynamicConfig,
  patroniPrefix,
  standbyClusterOf,
  standbySlotOf,
} from '@pgha/infra/machines';
import { etcdOn } from '../clients/etcd.ts';
import type { Host } from '../hosts/host.ts';
import { compareDynamic, type DynamicDifference, isSettings, type Settings } from './dynamic-config.ts';

/**
 * The dynamic configuration that Patroni has of a region.
 *
 * @param etcdHosts the region's etcd machines.
 * @returns null where the region was never started, or its etcd began empty.
 */
export async function readDynamic(cluster: Cluster, etcdHosts: readonly Host[]): Promise<Settings | null> {
  const stored = await etcdOn(etcdHosts).read(`${patroniPrefix}${cluster.scope}/config`);
  if (stored === null) return null;
  const settings: unknown = JSON.parse(stored.value);
  if (!isSettings(settings)) throw new Error(`Patroni's configuration in etcd is no object: ${stored.value}`);
  return settings;
}

/**
 * Compares a region's dynamic configuration with the cluster's, but for what says which region is the active one: operations
 * change that on purpose. Pure.
 *
 * @param logicalSlots "etl on pg-1": each logical slot that a member has.
 */
export function compareRegionSettings(
  cluster: Cluster,
  region: Region,
  now: Settings,
  logicalSlots: readonly string[] = [],
): DynamicDifference {
  const { standby_cluster: _standbyCluster, slots: _slots, ...wanted } = patroniDynamicConfig(cluster, region);
  const slots = regionsOf(cluster).map((each) => `slots.${standbySlotOf(each)}`);
  const ofTheRegion = new Set(['standby_cluster', epochKey, fullBackupKey, ...slots]);
  return compareDynamic(now, wanted, { logicalSlots, ofTheRegion });
}

/**
 * What makes a region the standby of the active one. What an operator set with `patronictl edit-config`, permanent slots too,
 * stays as `pgha apply` would leave it: a member with a logical slot would not start with less than wal_level "logical". Pure.
 *
 * @param now null: the region has no configuration, and gets it whole.
 */
export function standbyPatch(
  cluster: Cluster,
  region: Region,
  acting: Region,
  epoch: number,
  now: Settings | null,
): Settings {
  return {
    ...compareRegionSettings(cluster, region, now ?? {}).patch,
    [epochKey]: epoch,
    standby_cluster: standbyClusterOf(region, acting),
    ...withoutSlotOf(acting, now),
    pause: null,
  };
}

/**
 * Removes the slot by which the region kept WAL for the other one while it was active; nothing receives from it there. Only what
 * exists may be named: a null merged into a section that is missing would make a slot (patroni.utils.patch_config). Pure.
 */
function withoutSlotOf(other: Region, now: Settings | null): Settings {
  const slots = now?.['slots'];
  if (!isSettings(slots)) return {};
  const name = standbySlotOf(other);
  const isOnlyOurs = Object.keys(slots).every((each) => each === name);
  if (isOnlyOurs) return { slots: null };
  return name in slots ? { slots: { [name]: null } } : {};
}
