import { describe, expect, it } from 'vitest';
import { formatGenerations, parseGenerations } from './generations.ts';

describe('the generations of the backup repositories', () => {
  it('are read as they are written', () => {
    const text = '1 former one\n2 current two\n3 coming three\n';
    expect(formatGenerations(parseGenerations(text))).toBe(text);
    expect(parseGenerations(text).map(({ number, state }) => [number, state])).toEqual([
      [1, 'former'],
      [2, 'current'],
      [3, 'coming'],
    ]);
  });

  it.each([['one two'], ['1 former one'], ['1 current one\n2 current two'], ['']])('refuse %j', (text) => {
    expect(() => parseGenerations(text)).toThrow('backup/passphrases');
  });
});
