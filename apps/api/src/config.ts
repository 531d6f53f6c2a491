import { inheritedSocket, loadServiceConfig, readSettings, type ServiceConfig, serviceSettings } from '@pgha/http';
import { Type } from 'typebox';

/** The settings of the write service, in addition to the shared ones. */
export const ApiSettingsSchema = Type.Object({
  ...serviceSettings,
  PORT: Type.Integer({
    default: 8000,
    minimum: 0,
    maximum: 65_535,
    description: 'port to listen on; the read API uses 8001',
  }),
  WRITE_DEADLINE_MS: Type.Integer({
    default: 45_000,
    minimum: 100,
    maximum: 600_000,
    description: 'how long a write is queued and retried while there is no primary, before it fails with 503 or 504',
  }),
  WRITE_QUEUE_LIMIT: Type.Integer({
    default: 10_000,
    minimum: 1,
    description: 'maximum number of queued writes; more are refused with 503 busy',
  }),
  IDEMPOTENCY_RETENTION_HOURS: Type.Integer({
    default: 24,
    minimum: 1,
    maximum: 720,
    description: 'how long responses are stored for their Idempotency-Key',
  }),
});

export interface ApiConfig extends ServiceConfig {
  writeDeadlineMs: number;
  writeQueueLimit: number;
  idempotencyRetentionHours: number;
}

/** Reads the write service's configuration. Throws `SettingsError`. */
export async function readConfig(env: NodeJS.ProcessEnv = process.env): Promise<ApiConfig> {
  const settings = readSettings(ApiSettingsSchema, env);
  return {
    ...(await loadServiceConfig(settings, true)),
    writeDeadlineMs: settings.WRITE_DEADLINE_MS,
    writeQueueLimit: settings.WRITE_QUEUE_LIMIT,
    idempotencyRetentionHours: settings.IDEMPOTENCY_RETENTION_HOURS,
  };
}

/** The socket systemd passed, if any. */
export function readInheritedSocket(): number | null {
  return inheritedSocket(process.env);
}
