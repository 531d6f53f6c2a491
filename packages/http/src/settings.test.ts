import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { readSettings, SettingsError, serviceSettings } from './settings.ts';

const schema = Type.Object({ ...serviceSettings, PORT: Type.Integer({ default: 8000, minimum: 0, maximum: 65_535 }) });
const enough = { DB_PASSWORD: 'a password', DB_SSLMODE: 'disable' };

/** The lines a start with these settings would print. */
function complaints(env: Record<string, string>): string[] {
  try {
    readSettings(schema, { ...enough, ...env });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.lines;
    throw error;
  }
}

describe('readSettings', () => {
  it('takes numbers and booleans from text, and an empty value for none', () => {
    const settings = readSettings(schema, { ...enough, PORT: '9000', READS_NEED_KEY: 'true', DB_HOST: '' });
    expect(settings).toMatchObject({ PORT: 9000, READS_NEED_KEY: true, DB_HOST: '127.0.0.1' });
  });

  it.each(['0x1F90', '8e3', ' 8000', '+8000', '8000.0', '-1'])('does not take %j for a port', (PORT) => {
    expect(complaints({ PORT })).toEqual([`PORT: ${JSON.stringify(PORT)}, must be integer`]);
  });

  it('ignores variables that are not its own', () => {
    expect(() => readSettings(schema, { ...enough, PATH: '/bin', HOME: '/', LC_ALL: 'C' })).not.toThrow();
  });

  it('names every wrong setting at once: the value seen and what it must be', () => {
    const lines = complaints({ PORT: 'many', LOG_LEVEL: 'loud', DB_HOSTT: 'x', DB_POOL_MAX_SIZE: '0' });
    expect(lines).toHaveLength(4);
    expect(lines.join('\n')).toMatch(/^DB_HOSTT: unknown setting/m);
    expect(lines.join('\n')).toMatch(/^PORT: "many", must be integer/m);
    expect(lines.join('\n')).toMatch(/^LOG_LEVEL: "loud", must be one of fatal, /m);
    expect(lines.join('\n')).toMatch(/^DB_POOL_MAX_SIZE: "0", must be >= 1/m);
  });

  it('refuses a misspelt setting of its own', () => {
    const misspelt = fc
      .constantFrom('DB_', 'API_', 'TLS_', 'RATE_', 'PATRONI_')
      .chain((prefix) => fc.stringMatching(/^[A-Z]{3,12}$/).map((rest) => `${prefix}X${rest}`));
    fc.assert(
      fc.property(misspelt, (name) => {
        expect(() => readSettings(schema, { ...enough, [name]: 'x' })).toThrow(`${name}: unknown setting`);
      }),
      // the schema is compiled for every run
      { numRuns: 10 },
    );
  });
});
