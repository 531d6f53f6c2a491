import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authenticate, parseApiKeys } from './authentication.ts';

const secret = fc.stringMatching(/^[A-Za-z0-9_-]{16,64}$/);

describe('parseApiKeys', () => {
  it('reads keys separated by commas or lines, with a name or without', () => {
    const keys = parseApiKeys('shop:aaaaaaaaaaaaaaaa,bbbbbbbbbbbbbbbb\n shop:cccccccccccccccc \n\n');
    expect(keys.map(({ name }) => name)).toEqual(['shop', 'default', 'shop']);
  });

  it('keeps no secret', () => {
    fc.assert(
      fc.property(secret, (each) => {
        expect(JSON.stringify(parseApiKeys(`name:${each}`))).not.toContain(each);
      }),
    );
  });

  it('refuses a short secret by its place and length, and does not show it', () => {
    expect(() => parseApiKeys('aaaaaaaaaaaaaaaa,shop:tooshort')).toThrow(/key 2 has 8 characters; use at least 16/);
    expect(() => parseApiKeys('shop:tooshort')).not.toThrow(/tooshort/);
  });

  it('finds no keys in nothing', () => {
    expect(parseApiKeys('')).toEqual([]);
    expect(parseApiKeys(' \n,, ')).toEqual([]);
  });

  it('takes what follows the first colon as the secret', () => {
    const keys = parseApiKeys('shop:aaaaaaaa:aaaaaaaa');
    expect(authenticate(keys, 'Bearer aaaaaaaa:aaaaaaaa')).toBe('shop');
  });
});

describe('authenticate', () => {
  it('names the key that was presented, and no other', () => {
    fc.assert(
      fc.property(fc.uniqueArray(secret, { minLength: 2, maxLength: 6 }), fc.nat(), (secrets, pick) => {
        const [absent, ...present] = secrets;
        const keys = parseApiKeys(present.map((each, index) => `key${index}:${each}`).join('\n'));
        const which = pick % present.length;
        expect(authenticate(keys, `Bearer ${present[which]}`)).toBe(`key${which}`);
        expect(authenticate(keys, `Bearer ${absent}`)).toBeNull();
      }),
    );
  });

  it('accepts both keys of one name while they rotate', () => {
    const keys = parseApiKeys('shop:aaaaaaaaaaaaaaaa,shop:bbbbbbbbbbbbbbbb');
    expect(authenticate(keys, 'Bearer aaaaaaaaaaaaaaaa')).toBe('shop');
    expect(authenticate(keys, 'Bearer bbbbbbbbbbbbbbbb')).toBe('shop');
  });

  it('takes the scheme in any case (RFC 9110, 11.1)', () => {
    const keys = parseApiKeys('aaaaaaaaaaaaaaaa');
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      expect(authenticate(keys, `${scheme} aaaaaaaaaaaaaaaa`)).toBe('default');
    }
  });

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'aaaaaaaaaaaaaaaa',
    'Basic aaaaaaaaaaaaaaaa',
    'Bearer aaaaaaaaaaaaaaa',
    'Bearer aaaaaaaaaaaaaaaaa',
    'Bearer aaaaaaaaaaaaaaaa x',
    'Bearer AAAAAAAAAAAAAAAA',
    'XBearer aaaaaaaaaaaaaaaa',
  ])('refuses %j', (header) => {
    expect(authenticate(parseApiKeys('aaaaaaaaaaaaaaaa'), header)).toBeNull();
  });
});
