import { describe, expect, it } from 'vitest';
import { prefersHtml } from './negotiation.ts';

describe('prefersHtml', () => {
  it.each([
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
    'text/html',
    'TEXT/HTML;q=0.8, application/json;q=0.8',
    'application/json;q=0.1, text/html ; q=0.2',
  ])('is true for %s', (accept) => {
    expect(prefersHtml(accept)).toBe(true);
  });

  it.each([undefined, '', '*/*', 'text/*', 'application/json', 'application/json, text/html;q=0.9', 'text/html;q=0'])(
    'is false for %s',
    (accept) => {
      expect(prefersHtml(accept)).toBe(false);
    },
  );
});
