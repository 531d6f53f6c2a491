import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { afterAll, describe, expect, it } from 'vitest';
import { loadServiceConfig } from './service-config.ts';
import { readSettings, SettingsError, serviceSettings } from './settings.ts';

const dir = mkdtempSync(join(tmpdir(), 'pgha-settings-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const schema = Type.Object({ ...serviceSettings, PORT: Type.Integer({ default: 8000, minimum: 0, maximum: 65_535 }) });
type Environment = Record<string, string | undefined>;
const enough: Environment = { DB_PASSWORD: 'a password', DB_SSLMODE: 'disable' };

const load = async (env: Environment, keysAreRequired = true) =>
  loadServiceConfig(readSettings(schema, { ...enough, ...env }), keysAreRequired);

/** The lines a start with these settings would print. */
async function complaints(env: Environment, keysAreRequired = true): Promise<string[]> {
  const error: unknown = await load(env, keysAreRequired).then(
    () => new SettingsError([]),
    (each: unknown) => each,
  );
  if (error instanceof SettingsError) return error.lines;
  throw error;
}

function file(name: string, content: string): string {
  writeFileSync(join(dir, name), content);
  return join(dir, name);
}

describe('loadServiceConfig', () => {
  it('never shows a secret', async () => {
    const secrets = { DB_PASSWORD: 'hunter2', API_KEYS: 'shop:hunter2', API_KEYSS: 'hunter2', DB_PASSWORDD: 'hunter2' };
    for (const wrong of [{ ...secrets, PORT: 'x' }, { API_KEYS: secrets.API_KEYS }]) {
      const lines = await complaints(wrong);
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.join()).not.toContain('hunter2');
    }
  });

  it('needs nothing but a password in development', async () => {
    expect(await load({})).toMatchObject({ host: '127.0.0.1', port: 8000, tls: null, keys: [] });
  });

  it('wants exactly one source of the password', async () => {
    expect(await complaints({ DB_PASSWORD: undefined })).toHaveLength(1);
    expect(await complaints({ DB_PASSWORD_FILE: file('password', 'x') })).toHaveLength(1);
  });

  it('reads a password file at every connection', async () => {
    const path = file('rotating', 'first\n');
    const { db } = await load({ DB_PASSWORD: undefined, DB_PASSWORD_FILE: path });
    if (typeof db.password !== 'function') throw new Error('the password was read once');
    expect(await db.password()).toBe('first');
    file('rotating', 'second\n');
    expect(await db.password()).toBe('second');
  });

  it('reads keys from a file, one a line, and refuses two sources', async () => {
    const path = file('keys', 'shop:aaaaaaaaaaaaaaaa\nshop:bbbbbbbbbbbbbbbb\n');
    expect((await load({ API_KEYS_FILE: path })).keys.map(({ name }) => name)).toEqual(['shop', 'shop']);
    expect(await complaints({ API_KEYS_FILE: path, API_KEYS: 'aaaaaaaaaaaaaaaa' })).toHaveLength(1);
    expect((await complaints({ API_KEYS_FILE: join(dir, 'absent') })).join()).toMatch(/^API_KEYS_FILE: .*ENOENT/);
  });

  it('refuses to write without keys in production, and to be reached from outside without TLS', async () => {
    const production = { NODE_ENV: 'production' };
    expect((await complaints(production)).join()).toMatch(/^API_KEYS: not set/);
    expect(await complaints(production, false)).toEqual([]);
    const withKeys = { ...production, API_KEYS: 'aaaaaaaaaaaaaaaa' };
    expect(await complaints(withKeys)).toEqual([]);
    for (const host of ['0.0.0.0', '::', '10.0.0.5', 'example.com']) {
      expect((await complaints({ ...withKeys, HOST: host })).join()).toMatch(/^HOST: .* is not loopback/);
    }
    for (const host of ['127.0.0.1', '127.8.0.1', '::1', 'localhost']) {
      expect(await complaints({ ...withKeys, HOST: host })).toEqual([]);
    }
    expect(await complaints({ ...withKeys, HOST: '0.0.0.0', ALLOW_PLAINTEXT: 'true' })).toEqual([]);
  });

  it('refuses half of a certificate, and files that cannot be read', async () => {
    const lines = await complaints({ TLS_CERT_FILE: join(dir, 'absent.pem') });
    expect(lines.join('\n')).toMatch(/TLS_CERT_FILE: ".*absent\.pem" cannot be read \(ENOENT\)/);
    expect(lines.join('\n')).toMatch(/TLS_CERT_FILE and TLS_KEY_FILE: set both or neither/);
  });

  it('refuses reads that need a key where there is none', async () => {
    expect((await complaints({ READS_NEED_KEY: 'true' })).join()).toMatch(/^READS_NEED_KEY/);
    expect(await complaints({ READS_NEED_KEY: 'true', API_KEYS: 'aaaaaaaaaaaaaaaa' })).toEqual([]);
  });

  it.each(['10.0.0.0/33', '10.0.0', 'example.com', '::/129', '10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0.0/'])(
    'refuses the CIDR %s',
    async (cidr) => {
      expect((await complaints({ INTERNAL_CIDRS: cidr })).join()).toContain(JSON.stringify(cidr));
      expect((await complaints({ TRUSTED_PROXIES: `10.0.0.0/8,${cidr}` })).join()).toContain(JSON.stringify(cidr));
    },
  );

  it('knows who is internal', async () => {
    const { internal } = await load({ INTERNAL_CIDRS: '10.0.0.0/8, 192.168.1.7, fc00::/7' });
    const verdicts = ['10.255.0.1', '11.0.0.1', '192.168.1.7', '192.168.1.8'].map((ip) => internal.check(ip, 'ipv4'));
    expect(verdicts).toEqual([true, false, true, false]);
    expect([internal.check('fd00::1', 'ipv6'), internal.check('2001:db8::1', 'ipv6')]).toEqual([true, false]);
  });

  it('never opens more connections ahead than there may be', async () => {
    const { pool } = await load({ DB_POOL_MIN_SIZE: '10', DB_POOL_MAX_SIZE: '3' });
    expect([pool.minSize, pool.maxSize]).toEqual([3, 3]);
  });
});
