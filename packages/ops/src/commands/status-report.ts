import type { ClusterStatus, RegionStatus } from '../operations/status/status.ts';
import { table } from './command.ts';
import { age, bytes } from './units.ts';

/** A cluster as a person reads it: what needs one comes last, where the eye is when the command has ended. */
export function renderStatus(status: ClusterStatus): string {
  const { project, environment, durability, acting, at } = status;
  const now = Date.parse(at);
  const head = `${project} ${environment}, ${durability}, ${acting === null ? 'no region takes writes' : `writes go to ${acting}`}; ${at}\n`;
  const machines = table(
    ['MACHINE', 'ROLE', 'REGION', 'ANSWERS', 'DISK', 'CERTIFICATES'],
    status.machines.map(({ name, role, region, answers, diskUsedRatio, certificateEndsAt }) => [
      name,
      role,
      region,
      answers ? 'yes' : 'no',
      diskUsedRatio === null ? '-' : `${Math.round(diskUsedRatio * 100)} %`,
      certificateEndsAt === null ? '-' : `${Math.floor((Date.parse(certificateEndsAt) - now) / 86_400_000)} days`,
    ]),
  );
  const repositories = table(
    ['REPOSITORY', 'REGION', 'FULL', 'DIFF', 'INCR', 'WAL UP TO', 'RESTORE TEST'],
    status.repositories.map(({ repository, region, lastFullAt, lastDiffAt, lastIncrAt, archivedUpTo, restoreTest }) => [
      `${repository}`,
      region,
      ago(lastFullAt, now),
      ago(lastDiffAt, now),
      ago(lastIncrAt, now),
      archivedUpTo ?? '-',
      restoreTest === null ? '-' : `${restoreTest.ok ? 'equal' : 'failed'} ${ago(restoreTest.endedAt, now)}`,
    ]),
  );
  return [
    head,
    ...status.regions.map(renderRegion),
    machines,
    repositories,
    ...renderAlerts(status),
    renderFindings(status),
  ].join('\n');
}

function renderRegion({ region, role, members, synchronous, etcd, pooler, routes, lagSeconds }: RegionStatus): string {
  const lines = [
    `etcd ${etcd.answering} of ${etcd.members}`,
    `synchronous: ${synchronous === null || synchronous === '' ? 'nobody' : synchronous}`,
    `pooler: ${pooler.clients} clients, ${pooler.waiting} waiting${pooler.paused.length === 0 ? '' : `, paused on ${pooler.paused.join(', ')}`}`,
    ...(lagSeconds === null ? [] : [`${lagSeconds.toFixed(0)} s behind`]),
  ];
  const list = table(
    ['MEMBER', 'ROLE', 'STATE', 'TIMELINE', 'LSN', 'LAG'],
    members.map((member) => [
      member.name,
      member.isFailsafe ? `${member.role} (failsafe)` : member.role,
      member.state,
      member.timeline === null ? '-' : `${member.timeline}`,
      member.lsn ?? '-',
      member.lagBytes === null ? '-' : bytes(member.lagBytes),
    ]),
  );
  return `${region}: ${role}; ${lines.join('; ')}\n${list}${renderRoutes(routes)}`;
}

function renderRoutes(routes: RegionStatus['routes']): string {
  return table(
    ['ROUTER', 'PRIMARY', 'REPLICAS', 'POOL', 'CLIENTS', 'WAITING', 'LONGEST', 'SERVERS'],
    routes.map(({ machine, router, pooler }) => [
      machine,
      listed(router?.primary),
      listed(router?.replica),
      ...(pooler === null
        ? ['-', '-', '-', '-', '-']
        : [
            pooler.paused ? 'paused' : 'open',
            `${pooler.clients}`,
            `${pooler.waiting}`,
            `${pooler.maxWaitSeconds.toFixed(1)} s`,
            `${pooler.servers}`,
          ]),
    ]),
  );
}

const listed = (names: readonly string[] | undefined) => (names === undefined ? '-' : names.join(' ') || 'none');

export function renderFindings({ findings }: Pick<ClusterStatus, 'findings'>): string {
  if (findings.length === 0) return 'Nothing needs a person.\n';
  return `Needs a person:\n${findings.map(({ what, remedy }) => `  ! ${what}\n    ${remedy}\n`).join('')}`;
}

/** Alerts that no finding is about: rates and events, which only Prometheus has. */
function renderAlerts({ alerts, findings }: ClusterStatus): readonly string[] {
  const said = new Set(findings.map(({ alert }) => alert));
  const others = (alerts ?? []).filter(({ name }) => !said.has(name));
  if (others.length === 0) return [];
  return [`Alerts that fire beside them:\n${others.map(({ name, summary }) => `  ${name}: ${summary}\n`).join('')}`];
}

/** How long ago, or nothing. */
const ago = (moment: string | null, now: number) =>
  moment === null ? '-' : `${age((now - Date.parse(moment)) / 1_000)} ago`;
