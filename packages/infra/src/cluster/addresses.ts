/** An IPv4 range: the first address as a number, and the prefix length. */
export interface Range {
  first: number;
  prefix: number;
}

/**
 * Reads `a.b.c.d/n`.
 *
 * @returns null when it is malformed or its host bits are set: `10.0.0.1/16` is more often a slip than a wish.
 */
export function parseCidr(text: string): Range | null {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text);
  const first = match?.[1] === undefined ? null : parseAddress(match[1]);
  const prefix = Number(match?.[2]);
  if (first === null || prefix > 32) return null;
  return first % sizeOf(prefix) === 0 ? { first, prefix } : null;
}

/** `a.b.c.d` as a number, null when it is malformed. */
export function parseAddress(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** A number as `a.b.c.d`. */
export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

export function formatCidr(range: Range): string {
  return `${formatAddress(range.first)}/${range.prefix}`;
}

/** Whether two ranges share an address. */
export function overlap(one: Range, other: Range): boolean {
  return one.first < other.first + sizeOf(other.prefix) && other.first < one.first + sizeOf(one.prefix);
}

/**
 * The `index`th range of length `prefix` inside `range`.
 *
 * @throws when the range does not hold that many.
 */
export function subrange(range: Range, prefix: number, index: number): Range {
  const first = range.first + index * sizeOf(prefix);
  if (prefix < range.prefix || index < 0 || first >= range.first + sizeOf(range.prefix)) {
    throw new RangeError(`${formatCidr(range)} has no /${prefix} number ${index}`);
  }
  return { first, prefix };
}

/** Whether the range is one of RFC 1918's. */
export function isPrivate(range: Range): boolean {
  return ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].some((text) => {
    const block = parseCidr(text);
    return block !== null && range.prefix >= block.prefix && overlap(range, block);
  });
}

/** How many addresses a prefix length spans. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}
