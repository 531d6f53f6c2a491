import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAddress,
  formatCidr,
  overlap,
  parseAddress,
  parseCidr,
  type Range,
  sizeOf,
  subrange,
} from './addresses.ts';

const anyRange: fc.Arbitrary<Range> = fc
  .tuple(fc.nat(2 ** 31 - 1), fc.nat(1), fc.integer({ min: 0, max: 32 }))
  .map(([low, high, prefix]) => {
    const address = low + high * 2 ** 31;
    return { first: address - (address % sizeOf(prefix)), prefix };
  });

describe('addresses and ranges', () => {
  it('are read back as they were written', () => {
    fc.assert(
      fc.property(anyRange, (range) => {
        expect(parseCidr(formatCidr(range))).toEqual(range);
        expect(parseAddress(formatAddress(range.first))).toBe(range.first);
      }),
    );
  });

  it.each(['10.0.0.1/16', '10.0.0.0', '10.0.0/8', '256.0.0.0/8', '10.0.0.0/33', '010.0.0.0/8', ''])(
    'refuse %j',
    (text) => {
      expect(parseCidr(text)).toBeNull();
    },
  );

  it('overlap exactly when they share an address', () => {
    const small = anyRange.map(({ first, prefix }) => ({ first: first - (first % 16), prefix: Math.max(prefix, 28) }));
    fc.assert(
      fc.property(small, small, (one, other) => {
        const addresses = (range: Range) =>
          Array.from({ length: sizeOf(range.prefix) }, (_, index) => range.first + index);
        const shared = addresses(one).some((address) => addresses(other).includes(address));
        expect(overlap(one, other)).toBe(shared);
      }),
    );
  });

  it('are divided into parts that stay inside and never meet', () => {
    fc.assert(
      fc.property(anyRange, fc.nat(4), fc.nat(31), fc.nat(31), (range, bits, one, other) => {
        const prefix = Math.min(32, range.prefix + bits);
        const count = 2 ** (prefix - range.prefix);
        fc.pre(one !== other);
        if (one >= count || other >= count) {
          expect(() => subrange(range, prefix, Math.max(one, other))).toThrow(RangeError);
        } else {
          expect(overlap(subrange(range, prefix, one), subrange(range, prefix, other))).toBe(false);
          expect(overlap(subrange(range, prefix, one), range)).toBe(true);
        }
      }),
    );
  });
});
