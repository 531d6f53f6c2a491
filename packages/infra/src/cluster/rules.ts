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
  /** What must hold. */
  rule: string;
  /** What to do. */
  remedy: string;
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

function check(holds: boolean, path: string, value: unknown, rule: string, remedy: string): Check {
  return holds ? null : { path, value, rule, remedy };
}

/** A misspelt setting would otherwise be a default that nobody chose. */
function unknownSettings(input: CompleteInput): Check[] {
  const known = withDefaults({});
  const section = (path: string, given: object, wanted: object) =>
    Object.keys(given).map((key) =>
      check(
        Object.hasOwn(wanted, key),
        path === '' ? key : `${path}.${key}`,
        (given as Record<string, unknown>)[key],
        'a setting that exists',
        `remove it, or use one of ${Object.keys(wanted).join(', ')}`,
      ),
    );
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
      `2 to ${longest} lower-case letters, digits and single hyphens, beginning with a letter`,
      `choose a shorter or simpler name, for example "${path === 'project' ? 'pgha' : 'prod'}"`,
    );
  return [
    word('project', 16),
    word('environment', 12),
    check(
      !reservedBeginnings.some((beginning) => input.project.startsWith(beginning)),
      'project',
      input.project,
      `does not begin with ${reservedBeginnings.join(', ')}: AWS keeps these for names of its own`,
      'put another word first',
    ),
    check(
      ['zero-loss', 'available'].includes(input.durability),
      'durability',
      input.durability,
      '"zero-loss" or "available"',
      'zero-loss stops writes rather than lose one; available lets a surviving machine go on alone',
    ),
    check(
      input.alertEmail === null || /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(input.alertEmail),
      'alertEmail',
      input.alertEmail,
      'an e-mail address or null',
      'write it as name@example.com, or null for no e-mail',
    ),
    check(input.awsProfile !== '', 'awsProfile', input.awsProfile, 'not empty', 'name a profile of ~/.aws/config'),
  ];
}

function region(path: string, input: Required<RegionInput>, counts: { postgres: number[]; etcd: number[] }): Check[] {
  const range = parseCidr(input.cidr);
  return [
    check(
      /^[a-z]{2}(-[a-z]+)+-\d$/.test(input.awsRegion),
      `${path}.awsRegion`,
      input.awsRegion,
      'an AWS region',
      'write it as us-east-1',
    ),
    check(
      !/^(cn|us-gov|us-iso[a-z]*|eu-iso[a-z]*)-/.test(input.awsRegion),
      `${path}.awsRegion`,
      input.awsRegion,
      'a region of the partition "aws": ARNs, service names and endpoints of GovCloud (US), China and the isolated regions differ',
      'choose a commercial region, for example us-east-1',
    ),
    check(
      input.zones.length === 3 && new Set(input.zones).size === 3 && input.zones.every((zone) => /^[a-z]$/.test(zone)),
      `${path}.zones`,
      input.zones,
      'three different letters of availability zones',
      "for example ['a', 'b', 'd']; `pgha doctor` names the zones that the account has",
    ),
    check(
      input.awsRegion !== 'us-west-1',
      `${path}.awsRegion`,
      input.awsRegion,
      'a region of three zones: us-west-1 gives a new account two',
      'choose us-west-2, or another',
    ),
    check(
      range !== null && isPrivate(range) && range.prefix >= 16 && range.prefix <= 20,
      `${path}.cidr`,
      input.cidr,
      'a private IPv4 range of /16 to /20 without host bits: VPCs end at /16, and 16 subnets of /24 must fit',
      'for example 10.42.0.0/16',
    ),
    check(
      counts.postgres.includes(input.postgres),
      `${path}.postgres`,
      input.postgres,
      `${counts.postgres.join(', ')} PostgreSQL machines`,
      path === 'primary' ? 'one machine cannot fail over; take 2, or 3 for zero-loss' : 'take 1 for a standby',
    ),
    check(
      counts.etcd.includes(input.etcd),
      `${path}.etcd`,
      input.etcd,
      `${counts.etcd.join(', ')} etcd machines: an even number survives no more failures than the odd one below it`,
      path === 'primary' ? 'take 3, one a zone' : 'take 1, or 3 beside two or more standbys',
    ),
    check(
      path === 'dr' || input.apiServer,
      `${path}.apiServer`,
      input.apiServer,
      'true in the primary region: the services are part of it',
      'leave it out',
    ),
    check(
      /^([a-z][a-z0-9]{0,7}-)?$/.test(input.namePrefix),
      `${path}.namePrefix`,
      input.namePrefix,
      'empty, or up to 8 letters and digits and a hyphen',
      'for example "dr-"',
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
      `no address in common with primary.cidr ${primary.cidr}: peered networks cannot route between equal addresses`,
      'choose another range, for example 10.43.0.0/16',
    ),
    check(
      primary.awsRegion !== dr.awsRegion,
      'dr.awsRegion',
      dr.awsRegion,
      'not the primary region: it is there for the day that one is lost',
      'choose another region, for example us-west-2',
    ),
    check(
      primary.namePrefix !== dr.namePrefix,
      'dr.namePrefix',
      dr.namePrefix,
      'differs from primary.namePrefix: with equal member names the second region could acknowledge a commit as if it were ' +
        'the synchronous standby',
      'use "dr-"',
    ),
  ];
}

function machines(input: CompleteInput): Check[] {
  const gib = (path: keyof CompleteInput['volumes'], least: number) =>
    check(
      Number.isInteger(input.volumes[path]) && input.volumes[path] >= least && input.volumes[path] <= 16384,
      `volumes.${path}`,
      input.volumes[path],
      `a whole number of GiB from ${least} to 16384, the span of a gp3 volume that holds what it must`,
      `give it at least ${least}`,
    );
  return [
    ...(Object.entries(input.instanceTypes) as [Role, string][]).map(([role, type]) =>
      check(
        Object.hasOwn(instanceTypes, type),
        `instanceTypes.${role}`,
        type,
        'a known amd64 type',
        instanceTypeNames(),
      ),
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
      'enough memory for the connections of every PgBouncer, of both services and of the programs of the cluster',
      'choose a type with more memory, or fewer PostgreSQL machines',
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
      `use ${least} or more`,
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
      'loopWaitSeconds + 2 * retryTimeoutSeconds <= ttlSeconds, or the lease can run out while Patroni still retries',
      `raise ttlSeconds to ${least}, or lower retryTimeoutSeconds`,
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
      'for example 14',
    );
  return [
    check(
      ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].includes(plan.fullOn),
      'backups.fullOn',
      plan.fullOn,
      'a weekday',
      'one of Mon, Tue, Wed, Thu, Fri, Sat, Sun',
    ),
    check(
      /^([01]\d|2[0-3]):[0-5]\d$/.test(plan.atUtc),
      'backups.atUtc',
      plan.atUtc,
      'a time of the day in UTC',
      'write it as 02:00',
    ),
    check(
      [1, 2, 3, 4, 6, 8, 12, 24].includes(plan.incrementalEveryHours),
      'backups.incrementalEveryHours',
      plan.incrementalEveryHours,
      'divides 24, so that every day has the same backups',
      'one of 1, 2, 3, 4, 6, 8, 12, 24',
    ),
    days('restoreWindowDays'),
    days('retentionDays'),
    check(
      !(plan.retentionDays < plan.restoreWindowDays),
      'backups.retentionDays',
      plan.retentionDays,
      `at least restoreWindowDays (${plan.restoreWindowDays}): what has expired cannot be restored`,
      `raise retentionDays to ${plan.restoreWindowDays}, or shorten the window`,
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
        'an IPv4 range without host bits',
        'one address is written as 203.0.113.7/32',
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
        'not the whole Internet: the bastion and the monitoring pages are for administrators',
        'name your own address, for example 203.0.113.7/32; Session Manager works without any',
      ),
    ),
    check(
      input.keyPair === null || /^[\x21-\x7e]{1,255}$/.test(input.keyPair),
      'keyPair',
      input.keyPair,
      'the name of an EC2 key pair, or null',
      'use null: Session Manager needs no key',
    ),
  ];
}

/** What only AWS knows of: the way out, the logs, the state. */
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
      'the bastion costs nothing more; a NAT gateway goes on when the bastion is away',
    ),
    check(typeof flowLogs === 'boolean', 'flowLogs', flowLogs, 'true or false', 'false saves what the logs cost'),
    check(
      typeof permissionsBoundary === 'boolean',
      'permissionsBoundary',
      permissionsBoundary,
      'true or false',
      'true, once the policies of "pgha policies" exist',
    ),
    check(
      objectLockDays === null || (Number.isInteger(objectLockDays) && objectLockDays >= 1 && objectLockDays <= 3650),
      'objectLockDays',
      objectLockDays,
      'a whole number of days from 1 to 3650, or null',
      `null, or for example the restore window of ${plan.restoreWindowDays}`,
    ),
    check(['s3', 'local'].includes(state), 'state', state, '"s3" or "local"', 'use s3: several people can deploy then'),
  ];
}
