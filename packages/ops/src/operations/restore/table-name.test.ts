import { describe, expect, it } from 'vitest';
import { UsageError } from '../../exit-codes.ts';
import { showTable, tableNamed } from './table-name.ts';

describe("a table's name on the command line", () => {
  it.each([
    ['orders', 'public', 'orders'],
    ['Orders', 'public', 'orders'],
    ['sales.Orders_2025$', 'sales', 'orders_2025$'],
    ['"Order Items"', 'public', 'Order Items'],
    ['"a.b"."c""d"', 'a.b', 'c"d'],
    ['Sales."2025"', 'sales', '2025'],
    ['"new\nline"', 'public', 'new\nline'],
    ['"%s\\ \'x\' $1"', 'public', "%s\\ 'x' $1"],
    ['größe', 'public', 'größe'],
    ['ÜBER', 'public', 'Über'],
    ['x'.repeat(63), 'public', 'x'.repeat(63)],
  ])('%s is read as SQL reads it', (text, schema, table) => {
    expect(tableNamed(text)).toEqual({ schema, table });
  });

  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a.b.c',
    'order items',
    'a-b',
    '2025',
    '*',
    '"open',
    '""',
    'a"b"',
    'x'.repeat(64),
    'ü'.repeat(32),
  ])('"%s" is refused', (text) => {
    expect(() => tableNamed(text)).toThrow(UsageError);
  });

  it('is shown so that it can be given again', () => {
    for (const name of [
      { schema: 'public', table: 'orders' },
      { schema: 'a.b', table: 'C"d\n' },
    ]) {
      expect(tableNamed(showTable(name))).toEqual(name);
    }
    expect(showTable({ schema: 'public', table: 'orders' })).toBe('public.orders');
  });
});
