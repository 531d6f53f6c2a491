import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textReader } from './text-values.ts';

const read = (type: string, text: unknown) => {
  const texts = { value: text };
  textReader({ properties: { value: { type } } })?.(texts);
  return texts.value;
};

/** Other ways of writing a number, which JavaScript reads, or some other language does. */
const spelling = fc
  .nat()
  .chain((value) =>
    fc.constantFrom(
      ...[`0x${value.toString(16)}`, `0X${value}`, `0b${value.toString(2)}`, `0o${value.toString(8)}`, `${value}e0`],
      ...[`${value}.0`, `${value}.`, `+${value}`, `-${value}`, ` ${value}`, `${value} `, `${value}\n`, `\t${value}`],
      ...[`${value}n`, `${value}_0`, `${value},0`, `\ufeff${value}`, '', '١', '５', 'Infinity', 'NaN', 'null'],
    ),
  );

describe('a text that is to be an integer', () => {
  it('is read when it is decimal digits, as their number', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 3 }), (value, zeros) => {
        expect(read('integer', `${'0'.repeat(zeros)}${value}`)).toBe(value);
      }),
    );
  });

  it('stays as it is when it is anything else', () => {
    const text = fc
      .oneof(spelling, fc.string(), fc.string({ unit: 'binary' }))
      .filter((each) => !/^[0-9]+$/.test(each));
    fc.assert(
      fc.property(text, (each) => {
        expect(read('integer', each)).toBe(each);
      }),
    );
  });
});

describe('a text that is to be a boolean', () => {
  it('is read when it is true or false', () => {
    expect([read('boolean', 'true'), read('boolean', 'false')]).toEqual([true, false]);
  });

  it.each(['', 'TRUE', 'True', '1', '0', 'yes', 'on', ' true', 'null'])('stays %j', (text) => {
    expect(read('boolean', text)).toBe(text);
  });
});

it('leaves alone what is no text, and what is to be one', () => {
  expect(read('integer', ['1', '2'])).toEqual(['1', '2']);
  expect(read('integer', undefined)).toBe(undefined);
  expect(textReader({ properties: { value: { type: 'string' } } })).toBe(null);
  expect(textReader({})).toBe(null);
});
