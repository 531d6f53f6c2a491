import { isPrivate, overlap, parseCidr } from '../addresses.ts';
import type { CompleteInput, RegionInput } from '../input.ts';
import { type Check, check } from './check.ts';

/** One region. @param path `primary` or `dr`. @param counts how many nodes of each kind a cluster may have there. */
export function region(
  path: string,
  input: Required<RegionInput>,
  counts: { postgres: number[]; etcd: number[] },
): Check[] {
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

/** What the two regions must not have in common. */
export function bothRegions({ primary, dr }: CompleteInput): Check[] {
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

/** `2 or 3`, `1, 3 or 5`. */
function orList(numbers: readonly number[]): string {
  return `${numbers.slice(0, -1).join(', ')} or ${numbers.at(-1)}`;
}
