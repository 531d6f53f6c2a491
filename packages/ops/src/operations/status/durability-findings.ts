import type { DurabilityOverride } from '../../clients/durability.ts';
import { toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';

/** An override, and the member that told it. */
export interface MemberOverride {
  member: string;
  override: DurabilityOverride;
}

/** What a member's program found. */
export interface MemberOverrides {
  member: string;
  /** The AWS region. */
  region: string;
  isPrimary: boolean;
  overrides: readonly DurabilityOverride[];
}

/** The levels that `pgha apply` takes back: what a configuration of the cluster's own says. */
const appliedLevels = new Set<DurabilityOverride['level']>(['system', 'file', 'pooler', 'patroni']);
/** What each member has of its own; the others are replicated, or kept in etcd for all of them. */
const ownLevels = new Set<DurabilityOverride['level']>(['system', 'file', 'server', 'pooler']);

/** Every setting that acknowledged commits rest on and that is overridden, with the command that takes it back. Pure. */
export function durabilityFindings(seen: ClusterObservation): readonly Finding[] {
  return toldBy(seen).map(({ member, override }) => ({
    what: describeOverride(member, override),
    remedy: remedyOf(member, override),
    alert: 'DurabilitySettingOverridden',
  }));
}

/** Whether this member's `synchronous_standby_names` is not what Patroni decided. */
export function hasForeignStandbyNames(seen: ClusterObservation, member: string): boolean {
  return toldBy(seen).some(
    ({ member: own, override }) => own === member && override.setting === 'synchronous_standby_names',
  );
}

const toldBy = ({ machines }: ClusterObservation) =>
  overridesOf(
    machines.map(({ node, region, seen }) => ({
      member: node.name,
      region: region.awsRegion,
      isPrimary: toldOf(seen?.database)?.inRecovery === false,
      overrides: toldOf(seen?.durability)?.overrides ?? [],
    })),
  );

/** Each override once: what is replicated to every member is the primary's, who alone can change it. */
export function overridesOf(members: readonly MemberOverrides[]): readonly MemberOverride[] {
  const found = new Map<string, MemberOverride>();
  const primaryFirst = [...members].sort((one, other) => Number(other.isPrimary) - Number(one.isPrimary));
  for (const { member, region, overrides } of primaryFirst) {
    for (const override of overrides) {
      const { level, setting, database, role, file, value } = override;
      const scope = ownLevels.has(level) ? member : level === 'patroni' ? region : '';
      const key = JSON.stringify([scope, level, setting, database, role, file, level === 'pooler' ? value : null]);
      if (!found.has(key)) found.set(key, { member, override });
    }
  }
  return [...found.values()];
}

/** Whether it stands in a file of the server, from which `pgha apply` removes it. */
export const isInFile = ({ level }: DurabilityOverride) => level === 'system' || level === 'file';

/** An override in one line: the setting, its value, where it stands. */
export function describeOverride(member: string, override: DurabilityOverride): string {
  const { setting, value, level, database, role, file, line, applied } = override;
  const said = `${setting} = '${value}'`;
  const consequence = consequences[setting] ?? 'acknowledged commits may be lost';
  const place = `${file}${line === null ? '' : `:${line}`}`;
  switch (level) {
    case 'system':
      return `${member}: ${said} in ${place} (ALTER SYSTEM)${applied === false ? ', not yet in effect' : ''}: ${consequence}`;
    case 'file':
      return `${member}: ${said} in ${place}${applied === false ? ', not yet in effect' : ''}: ${consequence}`;
    case 'server':
      return `${member}: ${said} is in effect: ${consequence}`;
    case 'database':
      return `database ${database}: ${said} (ALTER DATABASE): ${consequence}`;
    case 'role':
      return `role ${role}: ${said} (ALTER ROLE): ${consequence}`;
    case 'role-in-database':
      return `role ${role} in database ${database}: ${said} (ALTER ROLE … IN DATABASE): ${consequence}`;
    case 'all-roles':
      return `all roles: ${said} (ALTER ROLE ALL): ${consequence}`;
    case 'pooler':
      return `${member}: ${value} in ${place} does not pin ${setting}${database === null ? '' : ` for database ${database}`}: commits through PgBouncer may not wait for a standby`;
    default:
      return `dynamic configuration: ${setting} is ${value === '' ? 'not set' : value}: ${consequences['synchronous_standby_names']}`;
  }
}

const consequences: Readonly<Record<string, string>> = {
  synchronous_standby_names:
    'Patroni no longer controls which standby is synchronous, and a failover may lose acknowledged commits',
  synchronous_commit:
    'commits of sessions that do not set it themselves are acknowledged before a standby has them; the HTTP services and PgBouncer set it',
  archive_command: 'WAL is not archived to the backup repositories',
  archive_library: 'WAL is not archived to the backup repositories',
  archive_mode: 'WAL is not archived to the backup repositories',
  data_checksums: 'corrupt pages are not detected',
  ignore_checksum_failure: 'corrupt pages are read without an error',
  zero_damaged_pages: 'corrupt pages are zeroed without an error',
  fsync: 'a host crash corrupts the data',
  full_page_writes: 'a host crash corrupts the data',
  data_sync_retry: 'a failed write is treated as successful',
  allow_alter_system: 'ALTER SYSTEM may override settings that the cluster manages',
};

/** The first thing to do about an override; a whole command wherever one does it. */
export function remedyOf(member: string, override: DurabilityOverride): string {
  const { setting, level } = override;
  if (level === 'server') {
    return setting === 'data_checksums'
      ? `if another member has checksums: pgha nodes reinit ${member} (pgha switchover first if ${member} is the primary)`
      : `patronictl reload; if it remains in effect: pgha nodes restart ${member}`;
  }
  if (isInFile(override)) {
    return `pgha apply removes the line and reloads; or only on ${member}: pgha-durability take-back ${setting}`;
  }
  if (appliedLevels.has(level)) return 'pgha apply';
  return `on ${member}: runuser -u postgres -- psql -c ${shellQuoted(resetStatement(override))}; open sessions keep the old value until they reconnect`;
}

/** SQL that removes a stored setting. */
export function resetStatement({ setting, database, role, level }: DurabilityOverride): string {
  if (level === 'database') return `alter database ${identifier(database ?? '')} reset ${setting}`;
  const who = level === 'all-roles' ? 'all' : identifier(role ?? '');
  return `alter role ${who}${database === null ? '' : ` in database ${identifier(database)}`} reset ${setting}`;
}

const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;
const shellQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
