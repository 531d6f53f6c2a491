import type { Role } from '../cluster.ts';
import { divideConnections, isBudgetSound } from '../connection-budget.ts';
import type { CompleteInput } from '../input.ts';
import { instanceTypeNames, instanceTypes } from '../instance-types.ts';
import { type Check, check } from './check.ts';

/** Instance types and volume sizes. */
export function machines(input: CompleteInput): Check[] {
  const gib = (path: keyof CompleteInput['volumes'], least: number) =>
    check(
      Number.isInteger(input.volumes[path]) && input.volumes[path] >= least && input.volumes[path] <= 16384,
      `volumes.${path}`,
      input.volumes[path],
      `a whole number of GiB from ${least} to 16384`,
    );
  return [
    ...(Object.entries(input.instanceTypes) as [Role, string][]).map(([role, type]) =>
      check(Object.hasOwn(instanceTypes, type), `instanceTypes.${role}`, type, instanceTypeNames()),
    ),
    gib('rootGib', 8),
    gib('dataGib', 10),
    gib('monitoringGib', 5),
  ];
}

/** Every pool has to be of use, and together they have to fit what the smallest member can serve. */
export function connections({ primary, dr, instanceTypes: types }: CompleteInput): Check[] {
  const roles = ['postgres', ...(dr === null ? [] : (['standby'] as const))] as const;
  const sizes = roles.map((role) => instanceTypes[types[role]]?.memoryMib);
  const memory = sizes.filter((size) => size !== undefined);
  // an unknown type has been named already
  if (memory.length < sizes.length) return [];
  const smallest = Math.min(...memory);
  const role = memory[0] === smallest ? 'postgres' : 'standby';
  const apiServers = Number(primary.apiServer) + Number(dr?.apiServer ?? false);
  const members = [primary.postgres, ...(dr === null ? [] : [dr.postgres])];
  return [
    check(
      members.every((count) => isBudgetSound(divideConnections(smallest, count, apiServers))),
      `instanceTypes.${role}`,
      types[role],
      'a type with enough memory for the connections of every PgBouncer, of both services and of the cluster itself',
      'Choose a larger type, or fewer PostgreSQL nodes',
    ),
  ];
}
