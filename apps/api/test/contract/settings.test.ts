import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { runService } from './fixture/service.ts';

const password = 'correct horse battery staple';
const key = 'a-key-of-thirty-two-characters-00';
const good = { DB_PASSWORD: password, PORT: '0' };

/** No database is needed: what is wrong with a setting is said before anything else. */
describe('settings', () => {
  let dir: string;
  const file = (name: string) => join(dir, name);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pgha-settings-'));
    await writeFile(file('empty'), '');
    await writeFile(file('text'), 'not a certificate');
    await Promise.all(
      ['one', 'two'].map((name) =>
        promisify(execFile)('openssl', [
          ...[
            'req',
            '-x509',
            '-newkey',
            'ec',
            '-pkeyopt',
            'ec_paramgen_curve:P-256',
            '-nodes',
            '-subj',
            '/CN=pgha.test',
          ],
          ...['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`), '-days', '1'],
        ]),
      ),
    );
  });

  afterAll(() => rm(dir, { recursive: true, force: true }));

  /** Each setting that is wrong, and how its line begins. */
  const wrong: [string, () => Record<string, string>, RegExp][] = [
    ['a port that is no number', () => ({ PORT: 'eight' }), /^PORT: "eight", /],
    ['a port beyond the last', () => ({ PORT: '65536' }), /^PORT: "65536", /],
    ['a fraction', () => ({ DB_POOL_MAX_SIZE: '1.5' }), /^DB_POOL_MAX_SIZE: "1.5", /],
    ['a boolean of another kind', () => ({ READS_NEED_KEY: 'yes' }), /^READS_NEED_KEY: "yes", /],
    ['a word that is none of the choices', () => ({ NODE_ENV: 'prod' }), /^NODE_ENV: "prod", must be one of /],
    ['a level that is none', () => ({ LOG_LEVEL: 'loud' }), /^LOG_LEVEL: "loud", must be one of /],
    ['a mode of libpq that is not safe', () => ({ DB_SSLMODE: 'prefer' }), /^DB_SSLMODE: "prefer", must be one of /],
    ['a name that is misspelt', () => ({ DB_POOLMAX: '5' }), /^DB_POOLMAX: unknown setting/],
    ['no password', () => ({ DB_PASSWORD: '' }), /^DB_PASSWORD, DB_PASSWORD_FILE, DB_PASSWORD_PARAMETER: /],
    ['two passwords', () => ({ DB_PASSWORD_FILE: file('empty') }), /^DB_PASSWORD, DB_PASSWORD_FILE, /],
    [
      'a password file that is not there',
      () => ({ DB_PASSWORD: '', DB_PASSWORD_FILE: file('none') }),
      /^DB_PASSWORD_FILE: .*ENOENT/,
    ],
    ['a key that is too short', () => ({ API_KEYS: 'app:short' }), /^API_KEYS: key 1 has 5 characters/],
    ['a key file that is not there', () => ({ API_KEYS_FILE: file('none') }), /^API_KEYS_FILE: /],
    ['keys from two places', () => ({ API_KEYS: key, API_KEYS_FILE: file('empty') }), /^API_KEYS, API_KEYS_FILE and /],
    ['reads that need a key, without one', () => ({ READS_NEED_KEY: 'true' }), /^READS_NEED_KEY: /],
    ['addresses that are none', () => ({ INTERNAL_CIDRS: '10.0.0.0/33' }), /^INTERNAL_CIDRS: "10.0.0.0\/33" is not /],
    [
      'proxies that are none',
      () => ({ TRUSTED_PROXIES: '::1,loadbalancer' }),
      /^TRUSTED_PROXIES: "loadbalancer" is not /,
    ],
    ['a URL that is none', () => ({ PATRONI_URLS: '10.0.0.4:8008' }), /^PATRONI_URLS: "10.0.0.4:8008" is not /],
    [
      'an origin with a path',
      () => ({ CORS_ORIGINS: 'https://a.test/' }),
      /^CORS_ORIGINS: "https:\/\/a.test\/" is not /,
    ],
    ['a certificate without its key', () => ({ TLS_CERT_FILE: file('one.crt') }), /^TLS_CERT_FILE and TLS_KEY_FILE: /],
    [
      'a certificate that is not there',
      () => ({ TLS_CERT_FILE: file('none'), TLS_KEY_FILE: file('one.key') }),
      /^TLS_CERT_FILE: .*ENOENT/,
    ],
    [
      'a certificate that is none',
      () => ({ TLS_CERT_FILE: file('text'), TLS_KEY_FILE: file('one.key') }),
      /^TLS_CERT_FILE, TLS_KEY_FILE: /,
    ],
    [
      'the key of another certificate',
      () => ({ TLS_CERT_FILE: file('one.crt'), TLS_KEY_FILE: file('two.key') }),
      /^TLS_CERT_FILE, TLS_KEY_FILE: /,
    ],
    ['an authority that is none', () => ({ DB_SSLROOTCERT: file('text') }), /^DB_SSLROOTCERT: /],
  ];

  it.each(wrong)('%s is one line', async (_, settings, line) => {
    const error = await readConfig({ ...good, ...settings() }).catch((each: unknown) => each);
    expect((error as { lines: string[] }).lines).toEqual([expect.stringMatching(line)]);
  });

  it('a wrong setting ends either service with that line alone, and with 2', async () => {
    for (const [settings, line] of [
      [{ PORT: 'eight' }, /^PORT: "eight", /],
      [{ PATRONI_URLS: 'x' }, /^PATRONI_URLS: "x" is not /],
    ] as const) {
      for (const name of ['api', 'read-api'] as const) {
        const { code, stdout, stderr } = await runService(name, { ...good, ...settings });
        expect([code, stdout, stderr.trimEnd().split('\n')]).toEqual([2, '', [expect.stringMatching(line)]]);
      }
    }
  });

  it('every wrong setting has its line, and none shows a secret', async () => {
    const { code, stderr } = await runService('api', {
      ...good,
      API_KEYS: `app:${key},other:secret`,
      PORT: 'x',
      WRITE_QUEUE_LIMIT: '0',
      TLS_CERT_FILE: file('none'),
      DB_PASWORD: password,
    });
    expect(code).toBe(2);
    expect(stderr).not.toContain(password);
    expect(stderr).not.toContain('secret');
    expect(stderr).not.toContain(key);
    const names = stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.split(':', 1)[0]);
    expect(names.sort()).toEqual(['DB_PASWORD', 'PORT', 'WRITE_QUEUE_LIMIT']);
  });

  it('what only the other service reads may stand in a file that both are given', async () => {
    const shared = {
      ...good,
      PORT: 'x',
      WRITE_DEADLINE_MS: '1000',
      READ_WAIT_MS: '10',
      IDEMPOTENCY_RETENTION_HOURS: '1',
    };
    for (const name of ['api', 'read-api'] as const) {
      expect((await runService(name, shared)).stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(/^PORT: /)]);
    }
  });

  it('production needs keys for writes, and TLS where others can reach it', async () => {
    const production = { ...good, NODE_ENV: 'production' };
    const refused = async (name: 'api' | 'read-api', settings: Record<string, string>) => {
      const { code, stderr } = await runService(name, { ...production, ...settings });
      return [
        code,
        ...stderr
          .trimEnd()
          .split('\n')
          .map((line) => line.split(':', 1)[0]),
      ];
    };
    expect(await refused('api', {})).toEqual([2, 'API_KEYS']);
    expect(await refused('api', { API_KEYS_FILE: file('empty') })).toEqual([2, 'API_KEYS']);
    expect(await refused('api', { API_KEYS: key, HOST: '0.0.0.0' })).toEqual([2, 'HOST']);
    expect(await refused('api', { HOST: '10.1.2.3' })).toEqual([2, 'API_KEYS', 'HOST']);
    expect(await refused('api', { API_KEYS: key, HOST: '127.evil.test' })).toEqual([2, 'HOST']);
    expect(await refused('read-api', { HOST: '::' })).toEqual([2, 'HOST']);
  });

  it('an address that somebody else has ends the service with one line', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await runService('api', { ...good, PORT: String(port) });
    taken.close();
    expect(code).toBe(1);
    expect(stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(`PORT=${port} (EADDRINUSE)`)]);
  });
});
