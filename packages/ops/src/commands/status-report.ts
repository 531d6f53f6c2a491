import type { GradedFinding } from '../operations/status/severity.ts';
import type { ClusterStatus, RegionStatus } from '../operations/status/status.ts';
import { table } from './command.ts';
import { age, bytes } from './units.ts';

/** A cluster as a person reads it: the verdict first, the issues last, where the eye is when the command has finished. */
export function renderStatus(status: ClusterStatus): string {
  const { project, environment, durability, acting, at, findings } = status;
  const now = Date.parse(at);
  const head = [
    `Cluster ${project}/${environment}`,
    `${at.slice(0, 19).replace('T', ' ')} UTC`,
    `durability ${durability}`,
    acting === null ? 'no active region' : `active region ${acting}`,
  ].join('    ');
  const nodes = table(
    ['NODE', 'ROLE', 'REGION', 'REACHABLE', 'DISK USED', 'CERTIFICATE EXPIRES'],
    status.machines.map(({ name, role, region, answers, diskUsedRatio, certificateEndsAt }) => [
      name,
      role,
      region,
      answers ? 'yes' : 'no',
      diskUsedRatio === null ? '-' : `${Math.round(diskUsedRatio * 100)} %`,
      certificateEndsAt === null ? '-' : `in ${Math.floor((Date.parse(certificateEndsAt) - now) / 86_400_000)} days`,
    ]),
  );
  const repositories = table(
    ['REPO', 'REGION', 'LAST FULL', 'LAST DIFF', 'LAST INCR', 'LAST ARCHIVED WAL', 'RESTORE TEST'],
    status.repositories.map(({ repository, region, lastFullAt, lastDiffAt, lastIncrAt, archivedUpTo, restoreTest }) => [
      `${repository}`,
      region,
      ago(lastFullAt, now),
      ago(lastDiffAt, now),
      ago(lastIncrAt, now),
      archivedUpTo ?? '-',
      restoreTest === null ? '-' : `${restoreTest.ok ? 'passed' : 'FAILED'} ${ago(restoreTest.endedAt, now)}`,
    ]),
  );
  return [
    `${head}\nHealth: ${verdictOf(findings)}\n`,
    ...status.regions.map(renderRegion),
    nodes,
    repositories,
    ...renderAlerts(status),
    renderFindings(status),
  ].join('\n');
}

/** The verdict of all issues: that of the worst one. */
function verdictOf(findings: readonly GradedFinding[]): string {
  if (findings.length === 0) return 'OK';
  const worst = findings.some(({ severity }) => severity === 'critical') ? 'CRITICAL' : 'WARNING';
  return `${worst}, ${findings.length} ${findings.length === 1 ? 'issue' : 'issues'} (listed at the end)`;
}

/** What a region is to the cluster, in the field's words; the JSON keeps its own values. */
const regionRoles = {
  acting: 'active',
  standby: 'standby',
  'without leader': 'no leader',
  silent: 'unreachable',
} satisfies Record<RegionStatus['role'], string>;

/** A role as `patronictl list` prints it: `quorum_standby` is "Quorum Standby". */
const roleName = (role: string) =>
  role
    .split('_')
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join(' ');

function renderRegion({ region, role, members, synchronous, etcd, pooler, routes, lagSeconds }: RegionStatus): string {
  const facts = [
    `${region} (${regionRoles[role]})`,
    `etcd ${etcd.answering}/${etcd.members} healthy`,
    ...(role === 'acting' ? [`synchronous_standby_names ${synchronous || '(none)'}`] : []),
    ...(lagSeconds === null ? [] : [`replication lag ${lagSeconds.toFixed(0)} s`]),
    // in a standby region it is paused by design: there is no primary to connect to
    ...(role !== 'acting' || pooler.paused.length === 0 ? [] : [`PgBouncer paused on ${pooler.paused.join(', ')}`]),
  ];
  const list = table(
    ['MEMBER', 'ROLE', 'STATE', 'TL', 'LSN', 'LAG'],
    members.map((member) => [
      member.name,
      member.isFailsafe ? `${roleName(member.role)} (failsafe mode)` : roleName(member.role),
      member.state,
      member.timeline === null ? '-' : `${member.timeline}`,
      member.lsn ?? '-',
      member.lagBytes === null ? '-' : bytes(member.lagBytes),
    ]),
  );
  return `${facts.join('    ')}\n${list}\n${renderRoutes(routes)}`;
}

function renderRoutes(routes: RegionStatus['routes']): string {
  return table(
    ['NODE', 'HAPROXY PRIMARY', 'HAPROXY REPLICAS', 'PGBOUNCER', 'CLIENTS', 'WAITING', 'MAX WAIT', 'SERVER CONNS'],
    routes.map(({ machine, router, pooler }) => [
      machine,
      listed(router?.primary),
      listed(router?.replica),
      ...(pooler === null
        ? ['-', '-', '-', '-', '-']
        : [
            pooler.paused ? 'paused' : 'active',
            `${pooler.clients}`,
            `${pooler.waiting}`,
            `${pooler.maxWaitSeconds.toFixed(1)} s`,
            `${pooler.servers}`,
          ]),
    ]),
  );
}

const listed = (names: readonly string[] | undefined) => (names === undefined ? '-' : names.join(' ') || 'none');

/** The issues: severity, what is wrong, what to do first, and where the runbook is. */
export function renderFindings({ findings }: Pick<ClusterStatus, 'findings'>): string {
  if (findings.length === 0) return 'No issues found.\n';
  const lines = findings.flatMap(({ what, remedy, severity, runbook }) => [
    `  ${severity.toUpperCase().padEnd(8)}  ${what}`,
    ...remedy.split('\n').map((line) => `            ${line}`),
    ...(runbook === null ? [] : [`            Runbook:  ${runbook}`]),
  ]);
  return `Issues (${findings.length}):\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** Alerts that no issue is about: rates and events, which only Prometheus has. */
function renderAlerts({ alerts, findings }: ClusterStatus): readonly string[] {
  const said = new Set(findings.map(({ alert }) => alert));
  const others = (alerts ?? []).filter(({ name }) => !said.has(name));
  if (others.length === 0) return [];
  return [`Other firing alerts:\n${others.map(({ name, summary }) => `  ${name}: ${summary}\n`).join('')}`];
}

/** How long ago, or nothing. */
const ago = (moment: string | null, now: number) =>
  moment === null ? '-' : `${age((now - Date.parse(moment)) / 1_000)} ago`;
