import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** The entries of a comma separated setting. */
export function list(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** The CIDRs of a setting; adds a line for each entry that is none. */
export function parseCidrs(name: string, text: string, lines: string[]): string[] {
  return list(text).filter((cidr) => {
    const [address = '', prefix, ...rest] = cidr.split('/');
    const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (bits > 0 && rest.length === 0 && length >= 0 && length <= bits) return true;
    lines.push(`${name}: ${JSON.stringify(cidr)} is not an address or CIDR such as 10.0.0.0/8`);
    return false;
  });
}

export function toBlockList(cidrs: string[]): BlockList {
  const addresses = new BlockList();
  for (const cidr of cidrs) {
    const [address = '', prefix] = cidr.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    addresses.addSubnet(address, prefix === undefined ? (family === 'ipv4' ? 32 : 128) : Number(prefix), family);
  }
  return addresses;
}

/** Whether a service that listens there is reachable only from this host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

export function isWebAddress(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}
