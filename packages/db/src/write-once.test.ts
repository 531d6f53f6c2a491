import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clientIdentity, lockNumber, ownIdentity } from './write-once.ts';

const parts = fc.array(fc.string({ unit: 'binary' }), { maxLength: 5 });

describe('clientIdentity', () => {
  it('is the same for the same parts', () => {
    fc.assert(
      fc.property(parts, parts, (scope, request) => {
        expect(clientIdentity(scope, request)).toEqual(clientIdentity([...scope], [...request]));
      }),
    );
  });

  it('differs where any part differs', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(clientIdentity(one, []).key.equals(clientIdentity(other, []).key)).toBe(false);
        const [first, second] = [clientIdentity([], one).fingerprint, clientIdentity([], other).fingerprint];
        expect(first?.toString('hex')).not.toBe(second?.toString('hex'));
      }),
    );
  });

  it('does not let a part run into the next, even where it imitates the way parts are joined', () => {
    const key = (...scope: string[]) => clientIdentity(scope, []).key.toString('hex');
    const all = [
      key('a', 'bc'),
      key('ab', 'c'),
      key('abc'),
      key('abc', ''),
      key('', 'abc'),
      key('1:a', '2:bc'),
      key('1:a2:bc'),
      key('a2:bc'),
      key('é'),
      key('e\u0301'),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('does not split: moving text between neighbours always gives another key', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), fc.nat(), (left, right, at) => {
        const cut = at % left.length;
        const moved = [left.slice(0, cut), left.slice(cut) + right];
        expect(clientIdentity([left, right], []).key.equals(clientIdentity(moved, []).key)).toBe(false);
      }),
    );
  });
});

describe('ownIdentity', () => {
  it('is never the same twice and can be presented by nobody', () => {
    const keys = Array.from({ length: 1_000 }, () => ownIdentity());
    expect(new Set(keys.map(({ key }) => key.toString('hex'))).size).toBe(1_000);
    expect(keys.every(({ fingerprint }) => fingerprint === null)).toBe(true);
  });
});

describe('lockNumber', () => {
  it('is a bigint as PostgreSQL reads it, and depends on the key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 32 }), (bytes) => {
        const number = BigInt(lockNumber(Buffer.from(bytes)));
        expect(number).toBe(BigInt.asIntN(64, number));
      }),
    );
    expect(lockNumber(clientIdentity(['a'], []).key)).not.toBe(lockNumber(clientIdentity(['b'], []).key));
  });
});
