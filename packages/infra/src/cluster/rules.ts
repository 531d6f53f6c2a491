import { isPrivate, overlap, parseCidr } from './addresses.ts';
import type { Role } from './cluster.ts';
import { divideConnections, isBudgetSound } from './connection-budget.ts';
import { type CompleteInput, type RegionInput, withDefaults } from './input.ts';
import { instanceTypeNames, instanceTypes } from './instance-types.ts';

/** One thing wrong with a configuration. */
export interface Problem {
  /** Where: `primary.etcd`. */
  path: string;
  /** The value seen. */
  value: unknown;
  /** What is allowed, in words. */
  allowed: string;
  /** What is wrong with it, and what is allowed. */
  message: string;
}

/** Everything wrong with a complete input; empty when it is sound. */
export function findProblems(input: CompleteInput): readonly Problem[] {
  return [
    ...unknownSettings(input),
    ...names(input),
    ...region('primary', input.primary, { postgres: [2, 3], etcd: [3, 5] }),
    ...(input.dr === null ? [] : region('dr', input.dr, { postgres: [1, 2, 3], etcd: [1, 3, 5] })),
    ...bothRegions(input),
    ...machines(input),
    ...connections(input),
    ...timing(input),
    ...backups(input),
    ...access(input),
    ...account(input),
  ].filter((problem) => problem !== null);
}

type Check = Problem | null;

/** @param advice a further sentence: why, or what to do. */
function check(holds: boolean, path: string, value: unknown, allowed: string, advice?: string): Check {
  if (holds) return null;
  const message = `${path}: ${JSON.stringify(value)} is not supported. Allowed: ${allowed}.`;
  return { path, value, allowed, message: advice === undefined ? message : `${message} ${advice}.` };
}

/** A misspelt setting would otherwise silently have its default. */
function unknownSettings(input: CompleteInput): Check[] {
  const known = withDefaults({});
  const section = (section: string, given: object, wanted: object) =>
    Object.entries(given).map(([key, value]): Check => {
      if (Object.hasOwn(wanted, key)) return null;
      const path = section === '' ? key : `${section}.${key}`;
      const where = section === '' ? '' : ` of ${section}`;
      const message = `unknown setting "${path}". Known settings${where}: ${Object.keys(wanted).join(', ')}.`;
      return { path, value, allowed: 'a known setting', message };
    });
  return [
    ...section('', input, known),
    ...section('primary', input.primary, known.primary),
    ...(input.dr === null || known.dr === null ? [] : section('dr', input.dr, known.dr)),
    ...section('instanceTypes', input.instanceTypes, known.instanceTypes),
    ...section('volumes', input.volumes, known.volumes),
    ...section('patroni', input.patroni, known.patroni),
    ...section('backups', input.backups, known.backups),
  ];
}

/**
 * Parameter Store refuses names that begin with aws or ssm, EC2 group names that begin with sg-, ELB names that begin with
 * internal-, S3 bucket names that begin with sthree- or amzn-s3-demo- (the services' naming rules).
 */
const reservedBeginnings = ['aws', 'ssm', 'sg', 'internal', 'sthree', 'amzn-s3-demo'];

function names(input: CompleteInput): Check[] {
  // Names end up in bucket names (63 characters, shared by the whole world) and IAM roles (64): short ones always fit.
  const word = (path: 'project' | 'environment', longest: number) =>
    check(
      new RegExp(`^[a-z][a-z0-9-]{0,${longest - 2}}[a-z0-9]$`).test(input[path]) && !input[path].includes('--'),
      path,
      input[path],
      `2 to ${longest} lower-case letters, digits and single hyphens, beginning with a letter, such as "${path === 'project' ? 'pgha' : 'prod'}"`,
    );
  return [
    word('project', 16),
    word('environment', 12),
    check(
      !reservedBeginnings.some((beginning) => input.project.startsWith(beginning)),
      'project',
      input.project,
      `a name that does not begin with ${reservedBeginnings.join(', ')}`,
      'AWS reserves these prefixes',
    ),
    check(
      ['zero-loss', 'available'].includes(input.durability),
      'durability',
      input.durability,
      '"zero-loss" or "available"',
      '"zero-loss" blocks writes rather than lose one; with "available" a surviving node continues alone',
    ),
    check(
      input.alertEmail === null || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(input.alertEmail),
      'alertEmail',
      input.alertEmail,
      'an e-mail address such as name@example.com, or null for no e-mail',
    ),
    check(
      input.documentationUrl === null || /^https?:\/\/[^\s"<>]+[^\s"<>/]$/.test(input.documentationUrl),
      'documentationUrl',
      input.documentationUrl,
      'an http(s) URL without a slash at its end, such as "https://github.com/OWNER/REPOSITORY/blob/main/docs", or null',
    ),
    check(input.awsProfile !== '', 'awsProfile', input.awsProfile, 'the name of a profile in ~/.aws/config'),
  ];
}

function region(path: string, input: Required<RegionInput>, counts: { postgres: number[]; etcd: number[] }): Check[] {
  const range = parseCidr(input.cidr);
  return [
    check(
      /^[a-z]{2}(-[a-z]+)+-\d$/.test(input.awsRegion),
      `${path}.awsRegion`,
      input.awsRegion,
      'an AWS region such as "us-east-1"',
    ),
    check(
      !/^(cn|us-gov|us-iso[a-z]*|eu-iso[a-z]*)-/.test(input.awsRegion),
      `${path}.awsRegion`,
      input.awsRegion,
      'a commercial region (partition "aws") such as "us-east-1"',
      'ARNs, service names and endpoints of GovCloud (US), China and the isolated regions differ',
    ),
    check(
      input.zones.length === 3 && new Set(input.zones).size === 3 && input.zones.every((zone) => /^[a-z]$/.test(zone)),
      `${path}.zones`,
      input.zones,
      "the letters of three different availability zones, such as ['a', 'b', 'd']",
      '"pgha doctor" lists the zones of your account',
    ),
    check(
      input.awsRegion !== 'us-west-1',
      `${path}.awsRegion`,
      input.awsRegion,
      'a region with three availability zones, such as "us-west-2"',
      'us-west-1 has two for a new account',
    ),
    check(
      range !== null && isPrivate(range) && range.prefix >= 16 && range.prefix <= 20,
      `${path}.cidr`,
      input.cidr,
      'a private IPv4 range of /16 to /20 without host bits, such as 10.42.0.0/16',
      'A VPC is at most a /16, and 16 subnets of /24 must fit',
    ),
    check(
      counts.postgres.includes(input.postgres),
      `${path}.postgres`,
      input.postgres,
      path === 'primary'
        ? `${orList(counts.postgres)} (3 is recommended with durability "zero-loss")`
        : `${orList(counts.postgres)} (1 is enough for a standby)`,
    ),
    check(
      counts.etcd.includes(input.etcd),
      `${path}.etcd`,
      input.etcd,
      path === 'primary'
        ? `${orList(counts.etcd)} (3 is one per availability zone)`
        : `${orList(counts.etcd)} (3 with two or more standbys)`,
      'An even number tolerates no more failures than the odd number below it',
    ),
    check(
      path === 'dr' || input.apiServer,
      `${path}.apiServer`,
      input.apiServer,
      'true in the primary region, which always has an API node',
    ),
    check(
      /^([a-z][a-z0-9]{0,7}-)?$/.test(input.namePrefix),
      `${path}.namePrefix`,
      input.namePrefix,
      'an empty string, or up to 8 lower-case letters and digits followed by a hyphen, such as "dr-"',
    ),
  ];
}

function bothRegions({ primary, dr }: CompleteInput): Check[] {
  if (dr === null) return [];
  const [one, other] = [parseCidr(primary.cidr), parseCidr(dr.cidr)];
  return [
    check(
      one === null || other === null || !overlap(one, other),
      'dr.cidr',
      dr.cidr,
      `a range that does not overlap primary.cidr (${primary.cidr}), such as 10.43.0.0/16`,
      'Peered VPCs cannot route between overlapping ranges',
    ),
    check(
      primary.awsRegion !== dr.awsRegion,
      'dr.awsRegion',
      dr.awsRegion,
      'a region other than primary.awsRegion, such as "us-west-2"',
      'The DR region must survive an outage of the primary region',
    ),
    check(
      primary.namePrefix !== dr.namePrefix,
      'dr.namePrefix',
      dr.namePrefix,
      `a prefix other than primary.namePrefix (${JSON.stringify(primary.namePrefix)}), such as "dr-"`,
      'With equal member names a standby of the DR region could acknowledge a commit as if it were the synchronous standby',
    ),
  ];
}

function machines(input: CompleteInput): Check[] {
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
function connections({ primary, dr, instanceTypes: types }: CompleteInput): Check[] {
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

/** Patroni rewrites a violation silently (patroni/config.py of 4.0.7), so it is refused here. */
function timing({ patroni }: CompleteInput): Check[] {
  const atLeast = (path: keyof CompleteInput['patroni'], least: number) =>
    check(
      Number.isInteger(patroni[path]) && patroni[path] >= least,
      `patroni.${path}`,
      patroni[path],
      `a whole number of at least ${least}`,
    );
  const least = patroni.loopWaitSeconds + 2 * patroni.retryTimeoutSeconds;
  return [
    atLeast('ttlSeconds', 20),
    atLeast('loopWaitSeconds', 1),
    atLeast('retryTimeoutSeconds', 3),
    atLeast('primaryStartTimeoutSeconds', 0),
    atLeast('maximumLagOnFailoverBytes', 256 * 1024 ** 2),
    check(
      !(least > patroni.ttlSeconds),
      'patroni.ttlSeconds',
      patroni.ttlSeconds,
      `at least loopWaitSeconds + 2 * retryTimeoutSeconds (${least})`,
      'Otherwise the leader lease can expire while Patroni still retries: raise ttlSeconds or lower retryTimeoutSeconds',
    ),
  ];
}

function backups({ backups: plan }: CompleteInput): Check[] {
  const days = (path: 'restoreWindowDays' | 'retentionDays') =>
    check(
      Number.isInteger(plan[path]) && plan[path] >= 1 && plan[path] <= 3650,
      `backups.${path}`,
      plan[path],
      'a whole number of days from 1 to 3650',
    );
  return [
    check(
      ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].includes(plan.fullOn),
      'backups.fullOn',
      plan.fullOn,
      'Mon, Tue, Wed, Thu, Fri, Sat or Sun',
    ),
    check(
      /^([01]\d|2[0-3]):[0-5]\d$/.test(plan.atUtc),
      'backups.atUtc',
      plan.atUtc,
      'a time of day in UTC, such as 02:00',
    ),
    check(
      [1, 2, 3, 4, 6, 8, 12, 24].includes(plan.incrementalEveryHours),
      'backups.incrementalEveryHours',
      plan.incrementalEveryHours,
      '1, 2, 3, 4, 6, 8, 12 or 24',
    ),
    days('restoreWindowDays'),
    days('retentionDays'),
    check(
      !(plan.retentionDays < plan.restoreWindowDays),
      'backups.retentionDays',
      plan.retentionDays,
      `at least restoreWindowDays (${plan.restoreWindowDays})`,
      'Expired backups cannot be restored: raise retentionDays or lower restoreWindowDays',
    ),
  ];
}

function access(input: CompleteInput): Check[] {
  const cidrs = (path: 'adminCidrs' | 'apiCidrs') =>
    input[path].map((cidr, index) =>
      check(
        parseCidr(cidr) !== null,
        `${path}[${index}]`,
        cidr,
        'an IPv4 range without host bits; a single address is written as 203.0.113.7/32',
      ),
    );
  return [
    ...cidrs('adminCidrs'),
    ...cidrs('apiCidrs'),
    ...input.adminCidrs.map((cidr, index) =>
      check(
        (parseCidr(cidr)?.prefix ?? 32) >= 8,
        `adminCidrs[${index}]`,
        cidr,
        'a range of /8 or smaller, for example your own address as 203.0.113.7/32',
        'The bastion and the monitoring pages must not be open to the Internet; Session Manager needs no range',
      ),
    ),
    check(
      input.keyPair === null || /^[\x21-\x7e]{1,255}$/.test(input.keyPair),
      'keyPair',
      input.keyPair,
      'the name of an EC2 key pair, or null (Session Manager needs no key)',
    ),
  ];
}

/** What only AWS has: egress, flow logs, state. */
function account({
  egress,
  flowLogs,
  permissionsBoundary,
  objectLockDays,
  state,
  backups: plan,
}: CompleteInput): Check[] {
  return [
    check(
      ['bastion', 'nat-gateway'].includes(egress),
      'egress',
      egress,
      '"bastion" or "nat-gateway"',
      'The bastion adds no cost; a NAT gateway keeps working while the bastion is down',
    ),
    check(typeof flowLogs === 'boolean', 'flowLogs', flowLogs, 'true or false'),
    check(
      typeof permissionsBoundary === 'boolean',
      'permissionsBoundary',
      permissionsBoundary,
      'true or false',
      'Use true once the policies of "pgha policies" exist',
    ),
    check(
      objectLockDays === null || (Number.isInteger(objectLockDays) && objectLockDays >= 1 && objectLockDays <= 3650),
      'objectLockDays',
      objectLockDays,
      `a whole number of days from 1 to 3650, such as backups.restoreWindowDays (${plan.restoreWindowDays}), or null for none`,
    ),
    check(['s3', 'local'].includes(state), 'state', state, '"s3" or "local"', 'With "s3" several people can deploy'),
  ];
}

/** `2 or 3`, `1, 3 or 5`. */
function orList(numbers: readonly number[]): string {
  return `${numbers.slice(0, -1).join(', ')} or ${numbers.at(-1)}`;
}
