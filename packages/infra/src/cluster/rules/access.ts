import { parseCidr } from '../addresses.ts';
import type { CompleteInput } from '../input.ts';
import { type Check, check } from './check.ts';

/** Who may reach the cluster from outside. */
export function access(input: CompleteInput): Check[] {
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
export function account({
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
