import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEntityTags } from './entity-tags.ts';

const strong = (tag: string) => ({ weak: false, tag });
const weak = (tag: string) => ({ weak: true, tag });

describe('the entity tags of a condition', () => {
  it.each([
    ['*', '*'],
    [' * ', '*'],
    ['"a"', [strong('"a"')]],
    ['""', [strong('""')]],
    ['W/"a"', [weak('"a"')]],
    ['"a","b"', [strong('"a"'), strong('"b"')]],
    [' , "a,b" ,\tW/"c", ', [strong('"a,b"'), weak('"c"')]],
    ['"\xe9"', [strong('"\xe9"')]],
  ])('are read from %j', (text, tags) => {
    expect(parseEntityTags('If-Match', text)).toEqual(tags);
  });

  it.each(['', ',', 'a', '"a', 'a"', '"a" "b"', 'w/"a"', 'W/', 'W/ "a"', '"a b"', '*, "a"', '"a", *', '"a"b'])(
    'are not read from %j',
    (text) => {
      expect(() => parseEntityTags('If-Match', text)).toThrow('If-Match is neither');
    },
  );

  it('are read or refused in time that grows with the text', () => {
    fc.assert(
      fc.property(fc.constantFrom(',', ' ,', '"', '"a"', ' ', 'W/'), (unit) => {
        const started = performance.now();
        try {
          parseEntityTags('If-None-Match', unit.repeat(8_000));
        } catch {
          // refused
        }
        expect(performance.now() - started).toBeLessThan(500);
      }),
    );
  });
});
