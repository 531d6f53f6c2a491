import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pathOf, toReference } from './request-target.ts';

describe('the path of a request target', () => {
  it.each([
    ['/items/1?x=1', '/items/1'],
    ['/items#a?b', '/items'],
    ['http://pgha.test:80/items?x', '/items'],
    ['HTTP://pgha.test', '/'],
    ['*', '*'],
    ['', '/'],
  ])('is, for %j, %j', (target, path) => {
    expect(pathOf(target)).toBe(path);
  });

  it.each([
    ['/items/%zz', '/items/%25zz'],
    ['/it"ems|<\u00e9>', '/it%22ems%7C%3C%E9%3E'],
    ['//evil.test/a', '/.//evil.test/a'],
    ['/items/%2f1', '/items/%2f1'],
  ])('is %j as the reference %j', (target, reference) => {
    expect(toReference(target)).toBe(reference);
  });

  it('is a reference to the same host whatever bytes it holds', () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each).toString('latin1'));
    fc.assert(
      fc.property(bytes, (text) => {
        const reference = toReference(`/${text}`);
        expect(new URL(reference, 'http://pgha.test').host).toBe('pgha.test');
        expect(reference).toMatch(/^\/(?:[A-Za-z0-9\-._~:/@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/);
      }),
    );
  });
});
