import { defaultPoolLimits } from '@pgha/db';
import { Ajv } from 'ajv';
import envSchema from 'env-schema';
import { type Static, type TObject, Type } from 'typebox';
import { textReader } from './text-values.ts';

const milliseconds = (value: number, description: string) =>
  Type.Integer({ default: value, minimum: 1, maximum: 86_400_000, description });

/** Every setting both services read, with its default and meaning; `.env.example` is checked against it. */
export const serviceSettings = {
  NODE_ENV: Type.Enum(['development', 'production', 'test'], {
    default: 'development',
    description: 'production requires API keys, and TLS when HOST is not a loopback address',
  }),
  HOST: Type.String({ default: '127.0.0.1', description: 'address to listen on' }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    description: 'info writes one line per request',
  }),
  TLS_CERT_FILE: Type.Optional(Type.String({ description: 'PEM certificate chain of this service' })),
  TLS_KEY_FILE: Type.Optional(Type.String({ description: 'PEM private key of this service' })),
  ALLOW_PLAINTEXT: Type.Boolean({
    default: false,
    description: 'allow a non-loopback HOST without TLS in production',
  }),
  TRUSTED_PROXIES: Type.String({
    default: '',
    description: 'CIDRs of proxies whose X-Forwarded-* headers are trusted, comma separated',
  }),
  INTERNAL_CIDRS: Type.String({
    default: '127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7',
    description: 'CIDRs allowed to read /metrics, /stats, /cluster, /backups and the status page, comma separated',
  }),
  CORS_ORIGINS: Type.String({
    default: '',
    description: 'allowed CORS origins, comma separated; empty: none',
  }),
  RATE_LIMIT_MAX: Type.Integer({
    default: 100_000,
    minimum: 1,
    description: 'requests allowed per client address and window; the default stops only a runaway client',
  }),
  RATE_LIMIT_WINDOW_MS: milliseconds(1_000, 'length of the rate limit window'),
  REQUEST_TIMEOUT_MS: milliseconds(10_000, 'time allowed for a client to send a complete request'),
  REQUEST_MEMORY_MIB: Type.Optional(
    Type.Integer({
      minimum: 8,
      maximum: 1_048_576,
      description:
        'memory limit for requests in progress and their responses (estimated); not set: a quarter of the heap',
    }),
  ),
  SHUTDOWN_TIMEOUT_MS: milliseconds(30_000, 'time allowed for requests in progress to finish after SIGTERM'),
  API_KEYS: Type.Optional(
    Type.String({
      description: 'accepted API keys: [name:]secret, comma separated; two with the same name during a rotation',
    }),
  ),
  API_KEYS_FILE: Type.Optional(Type.String({ description: 'file with the API keys, one per line' })),
  API_KEYS_PARAMETER: Type.Optional(Type.String({ description: 'SSM parameter with the API keys, one per line' })),
  READS_NEED_KEY: Type.Boolean({ default: false, description: 'require an API key for reads too' }),
  READ_DEADLINE_MS: milliseconds(
    30_000,
    'how long a read is queued and retried across a failover before it fails with 503',
  ),
  DB_HOST: Type.String({ default: '127.0.0.1', description: 'database host' }),
  DB_PORT: Type.Integer({ default: 5432, minimum: 1, maximum: 65_535, description: 'database port' }),
  DB_NAME: Type.String({ default: 'pgha', description: 'database name' }),
  DB_USER: Type.String({ description: 'database login', default: 'app_a' }),
  DB_PASSWORD: Type.Optional(
    Type.String({ description: 'database password; set exactly one of the three DB_PASSWORD settings' }),
  ),
  DB_PASSWORD_FILE: Type.Optional(
    Type.String({ description: 'file with the database password, read for every new connection' }),
  ),
  DB_PASSWORD_PARAMETER: Type.Optional(
    Type.String({ description: 'SSM parameter with the database password, read for every new connection' }),
  ),
  DB_SSLMODE: Type.Enum(['disable', 'require', 'verify-full'], {
    default: 'verify-full',
    description: 'TLS mode as in libpq; verify-full checks the certificate chain and the host name',
  }),
  DB_SSLROOTCERT: Type.Optional(
    Type.String({ description: 'PEM file of the CA that issued the database server certificate' }),
  ),
  DB_POOL_MIN_SIZE: Type.Integer({
    default: defaultPoolLimits.minSize,
    minimum: 0,
    description: 'connections kept open when idle',
  }),
  DB_POOL_MAX_SIZE: Type.Integer({
    default: defaultPoolLimits.maxSize,
    minimum: 1,
    maximum: 1_000,
    description: 'maximum number of connections',
  }),
  DB_CONNECT_TIMEOUT_MS: milliseconds(defaultPoolLimits.connectTimeoutMs, 'time allowed to get a connection'),
  DB_QUERY_TIMEOUT_MS: milliseconds(
    defaultPoolLimits.queryTimeoutMs,
    'time until a query without a response is abandoned and its connection closed; keep it above statement_timeout (15 s)',
  ),
  PATRONI_URLS: Type.String({
    default: '',
    description: 'base URLs of the Patroni REST APIs (GET /cluster), comma separated',
  }),
  PATRONI_CA_FILE: Type.Optional(Type.String({ description: 'PEM file of the CA for PATRONI_URLS' })),
  BACKUP_INFO_FILE: Type.Optional(
    Type.String({ description: 'file with the last output of pgbackrest info --output=json' }),
  ),
};

const commonSchema = Type.Object(serviceSettings);
export type ServiceSettings = Static<typeof commonSchema> & { PORT: number };

/** One or more settings are wrong. `lines` has one sentence per setting; none of them shows a secret's value. */
export class SettingsError extends Error {
  readonly code = 'PGHA_SETTINGS';
  readonly lines: string[];
  constructor(lines: string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** A variable that begins like one of ours and is none of ours is a spelling mistake. */
const ownPrefixes =
  /^(API_|BACKUP_|DB_|IDEMPOTENCY_|INTERNAL_|PATRONI_|RATE_|READ_|READS_|REQUEST_MEMORY_|SHUTDOWN_|TLS_|TRUSTED_|WRITE_)/;
const secretNames = new Set(['DB_PASSWORD', 'API_KEYS']);
/** What one service reads and the other does not: both may be given the same file. */
const ofOneService = new Set(['WRITE_DEADLINE_MS', 'WRITE_QUEUE_LIMIT', 'IDEMPOTENCY_RETENTION_HOURS', 'READ_WAIT_MS']);

/** Reads nothing into the values: the texts have been read by then. */
const strict = { customOptions: () => new Ajv({ allErrors: true, useDefaults: true, coerceTypes: false }) };

/**
 * Reads the settings of `schema` from `env`. Values are read from text; an empty one counts as absent. Throws
 * `SettingsError` with a line for every setting that is malformed or unknown.
 */
export function readSettings<Schema extends TObject>(
  schema: Schema,
  env: Record<string, string | undefined>,
): Static<Schema> {
  const known = new Set(Object.keys(schema.properties));
  const present = Object.entries(env).filter(([, value]) => value !== undefined && value !== '');
  const lines = present
    .filter(([name]) => ownPrefixes.test(name) && !known.has(name) && !ofOneService.has(name))
    .map(([name]) => `${name}: unknown setting; .env.example lists the known ones`);
  const data = Object.fromEntries(present.filter(([name]) => known.has(name)));
  const values: Record<string, unknown> = { ...data };
  textReader(schema)?.(values);
  try {
    const settings = envSchema<Static<Schema>>({
      schema: structuredClone(schema),
      data: values,
      env: false,
      ajv: strict,
    });
    if (lines.length === 0) return settings;
  } catch (error) {
    lines.push(...describe(error, schema, data));
  }
  throw new SettingsError(lines);
}

interface AjvError {
  instancePath: string;
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
}

function describe(error: unknown, schema: TObject, data: Record<string, string | undefined>): string[] {
  const errors = (error as { errors?: AjvError[] }).errors;
  if (!errors) throw error;
  const names = errors.map((each) => each.instancePath.slice(1) || String(each.params['missingProperty']));
  return [...new Set(names)].map((name) => {
    const found = errors.find((each) => each.instancePath === `/${name}`);
    const choices = (schema.properties[name] as { enum?: string[] } | undefined)?.enum;
    const rule = choices ? `must be one of ${choices.join(', ')}` : (found?.message ?? 'is required');
    const value = data[name];
    const seen = value === undefined ? 'not set' : secretNames.has(name) ? 'set' : JSON.stringify(value);
    return `${name}: ${seen}, ${rule}`;
  });
}
