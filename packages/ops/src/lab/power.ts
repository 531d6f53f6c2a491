import { allNodes, nodeNamed } from '@pgha/infra/cluster';
import { RefusedError, UsageError } from '../exit-codes.ts';
import { awsMachineName } from './aws.ts';
import { findControlGroups } from './control-groups.ts';
import { cutPower, findLeader, shutDownMachine, startMachine } from './machines.ts';
import type { Places } from './places.ts';
import { bootPlanOf } from './plans.ts';
import { type LabRecord, requireRecord } from './record.ts';

/**
 * The name, if it is one of the lab's machines.
 *
 * @throws UsageError with the names there are.
 */
export function machineNamed({ cluster }: Pick<LabRecord, 'cluster'>, name: string): string {
  const names = [...allNodes(cluster).map((node) => node.name), awsMachineName];
  if (!names.includes(name)) throw new UsageError(`unknown machine "${name}". Machines: ${names.join(', ')}`);
  return name;
}

/** Switches a machine off: by its power button, or by pulling the plug. */
export async function stopMachine(places: Places, name: string, how: 'shut-down' | 'power-cut'): Promise<void> {
  const record = await requireRecord(places);
  refuseAws(machineNamed(record, name));
  const groups = await findControlGroups();
  if (how === 'power-cut') await cutPower({ groups }, name);
  else await shutDownMachine({ places, groups, image: record.image }, name);
}

/** Switches a machine on again, with the disk it had. */
export async function restartMachine(places: Places, name: string): Promise<void> {
  const record = await requireRecord(places);
  refuseAws(machineNamed(record, name));
  const groups = await findControlGroups();
  if ((await findLeader(groups, name)) !== null) throw new RefusedError(`${name} is already running`);
  await startMachine(
    { places, groups, image: record.image },
    bootPlanOf(record.cluster, nodeNamed(record.cluster, name)),
  );
}

/** moto keeps secrets and backups in memory; a lab whose AWS has forgotten everything behaves like no AWS there is. */
function refuseAws(name: string): void {
  if (name !== awsMachineName) return;
  throw new RefusedError('the AWS stand-in keeps its data in memory and would lose it. Use "pgha lab down" instead');
}
