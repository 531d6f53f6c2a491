import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { BlockList } from 'node:net';
import { createSecureContext } from 'node:tls';
import { type DbSettings, defaultPoolLimits, type PoolLimits } from '@pgha/db';
import { isLoopback, isWebAddress, list, parseCidrs, toBlockList } from './addresses.ts';
import type { ApiKey } from './authentication.ts';
import { databasePassword, loadKeys } from './secrets.ts';
import { type ServiceSettings, SettingsError } from './settings.ts';

/** What the services are built from, after files and parameters have been read. */
export interface ServiceConfig {
  environment: ServiceSettings['NODE_ENV'];
  host: string;
  port: number;
  logLevel: string;
  tls: { cert: string; key: string } | null;
  trustedProxies: string[];
  internal: BlockList;
  corsOrigins: string[];
  rateLimit: { max: number; windowMs: number };
  requestTimeoutMs: number;
  /** Null for a share of the heap. */
  requestMemoryMib: number | null;
  shutdownTimeoutMs: number;
  keys: ApiKey[];
  readsNeedKey: boolean;
  readDeadlineMs: number;
  db: DbSettings;
  pool: PoolLimits;
  patroni: { urls: string[]; ca: string | null };
  backupInfoFile: string | null;
}

/**
 * Turns settings into what the services are built from: reads files and parameters, and refuses combinations that are
 * unsafe. `keysAreRequired` is for a service that writes. Throws `SettingsError`.
 */
export async function loadServiceConfig(settings: ServiceSettings, keysAreRequired: boolean): Promise<ServiceConfig> {
  const lines: string[] = [];
  const read = async (name: keyof ServiceSettings): Promise<string | null> => {
    const path = settings[name] as string | undefined;
    if (path === undefined) return null;
    return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      lines.push(`${name}: ${JSON.stringify(path)} cannot be read (${error.code})`);
      return null;
    });
  };

  const [cert, key, rootCertificate, patroniCa] = await Promise.all([
    read('TLS_CERT_FILE'),
    read('TLS_KEY_FILE'),
    read('DB_SSLROOTCERT'),
    read('PATRONI_CA_FILE'),
  ]);
  if ((settings.TLS_CERT_FILE === undefined) !== (settings.TLS_KEY_FILE === undefined)) {
    lines.push('TLS_CERT_FILE and TLS_KEY_FILE: set both or neither');
  }
  const tls = cert !== null && key !== null ? { cert, key } : null;
  if (tls !== null) {
    refuseUnless(
      lines,
      'TLS_CERT_FILE, TLS_KEY_FILE',
      'the files do not contain a PEM certificate and its private key',
      () => createSecureContext(tls),
    );
  }
  for (const [name, text] of [
    ['DB_SSLROOTCERT', rootCertificate],
    ['PATRONI_CA_FILE', patroniCa],
  ] as const) {
    if (text !== null)
      refuseUnless(lines, name, 'the file does not contain a PEM certificate', () => new X509Certificate(text));
  }
  const patroniUrls = list(settings.PATRONI_URLS);
  for (const url of patroniUrls) {
    if (!isWebAddress(url))
      lines.push(`PATRONI_URLS: ${JSON.stringify(url)} is not a URL such as https://10.0.0.4:8008`);
  }
  const corsOrigins = list(settings.CORS_ORIGINS);
  for (const origin of corsOrigins) {
    if (!isWebAddress(origin) || new URL(origin).origin !== origin)
      lines.push(`CORS_ORIGINS: ${JSON.stringify(origin)} is not an origin such as https://app.example.com`);
  }
  const keys = await loadKeys(settings, lines);
  if (settings.NODE_ENV === 'production') {
    if (keysAreRequired && keys.length === 0) {
      lines.push(
        'API_KEYS: not set, but NODE_ENV=production requires API keys for writes; set API_KEYS, API_KEYS_FILE or API_KEYS_PARAMETER',
      );
    }
    if (!isLoopback(settings.HOST) && tls === null && !settings.ALLOW_PLAINTEXT) {
      lines.push(
        `HOST: ${JSON.stringify(settings.HOST)} is not loopback, and NODE_ENV=production requires TLS there; set TLS_CERT_FILE and TLS_KEY_FILE, or ALLOW_PLAINTEXT=true`,
      );
    }
  }
  if (settings.READS_NEED_KEY && keys.length === 0)
    lines.push('READS_NEED_KEY: true, but no API keys are set; set API_KEYS, API_KEYS_FILE or API_KEYS_PARAMETER');

  const config: ServiceConfig = {
    environment: settings.NODE_ENV,
    host: settings.HOST,
    port: settings.PORT,
    logLevel: settings.LOG_LEVEL,
    tls,
    trustedProxies: parseCidrs('TRUSTED_PROXIES', settings.TRUSTED_PROXIES, lines),
    internal: toBlockList(parseCidrs('INTERNAL_CIDRS', settings.INTERNAL_CIDRS, lines)),
    corsOrigins,
    rateLimit: { max: settings.RATE_LIMIT_MAX, windowMs: settings.RATE_LIMIT_WINDOW_MS },
    requestTimeoutMs: settings.REQUEST_TIMEOUT_MS,
    requestMemoryMib: settings.REQUEST_MEMORY_MIB ?? null,
    shutdownTimeoutMs: settings.SHUTDOWN_TIMEOUT_MS,
    keys,
    readsNeedKey: settings.READS_NEED_KEY,
    readDeadlineMs: settings.READ_DEADLINE_MS,
    db: {
      host: settings.DB_HOST,
      port: settings.DB_PORT,
      database: settings.DB_NAME,
      user: settings.DB_USER,
      password: await databasePassword(settings, lines),
      tls: { mode: settings.DB_SSLMODE, ...(rootCertificate === null ? {} : { rootCertificate }) },
    },
    pool: {
      ...defaultPoolLimits,
      minSize: Math.min(settings.DB_POOL_MIN_SIZE, settings.DB_POOL_MAX_SIZE),
      maxSize: settings.DB_POOL_MAX_SIZE,
      connectTimeoutMs: settings.DB_CONNECT_TIMEOUT_MS,
      queryTimeoutMs: settings.DB_QUERY_TIMEOUT_MS,
    },
    patroni: { urls: patroniUrls, ca: patroniCa },
    backupInfoFile: settings.BACKUP_INFO_FILE ?? null,
  };
  if (lines.length > 0) throw new SettingsError(lines);
  return config;
}

function refuseUnless(lines: string[], name: string, fault: string, read: () => unknown): void {
  try {
    read();
  } catch {
    lines.push(`${name}: ${fault}`);
  }
}
