import { describe, expect, it } from 'vitest';
import { renderPassLine } from './psql.ts';

describe('a line of a password file', () => {
  it('escapes what would end a field', () => {
    const line = renderPassLine({
      host: 'db.x',
      address: '',
      port: 5432,
      database: 'p',
      user: 'a',
      password: 'b:c\\d',
      ca: '',
    });
    expect(line).toBe('db.x:5432:p:a:b\\:c\\\\d\n');
  });
});
