import type { LabStatus } from '../lab/status.ts';
import { table } from './command.ts';

/** A lab as a person reads it. */
export function renderLabStatus(status: LabStatus): string {
  const machines = table(
    ['MACHINE', 'ROLE', 'REGION', 'ADDRESS', 'STATE', 'MEMORY'],
    status.machines.map(({ name, role, region, address, state, memoryBytes }) => [
      name,
      role,
      region,
      address,
      state,
      mebibytes(memoryBytes),
    ]),
  );
  const members = table(
    ['MEMBER', 'REGION', 'ROLE', 'STATE', 'TIMELINE', 'LAG'],
    status.members.map(({ name, region, role, state, timeline, lagBytes }) => [
      name,
      region,
      role,
      state,
      timeline === null ? '-' : `${timeline}`,
      lagBytes === null ? '-' : `${lagBytes} B`,
    ]),
  );
  const balancers = table(
    ['LOAD BALANCER', 'TARGET', 'STATE', 'CONNECTIONS', 'SINCE'],
    status.loadBalancers.map(({ region, target, state, connections, since }) => [
      region,
      target,
      state,
      `${connections}`,
      since,
    ]),
  );
  const urls = table(
    ['ENDPOINT', 'URL'],
    status.urls.map(({ what, url }) => [what, url]),
  );
  const phase =
    status.phase === 'up' ? '' : '"pgha lab up" was interrupted or is in progress; running it again starts over.\n\n';
  return `${phase}${machines}${mebibytes(status.memoryBytes)} total\n\n${members}\n${balancers}\n${urls}`;
}

const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
