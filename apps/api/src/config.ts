import { inheritedSocket, loadServiceConfig, readSettings, type ServiceConfig, serviceSettings } from '@pgha/http';
import { Type } from 'typebox';

/** The settings of the write service, beside the shared ones. */
export const ApiSettingsSchema = Type.Object({
  ...serviceSettings,
  PORT: Type.Integer({
    default: 8000,
    minimum: 0,
    maximum: 65_535,
    description: 'port to listen on; the read service has 8001',
  }),
  WRITE_DEADLINE_MS: Type.Integer({
    default: 45_000,
    minimum: 100,
    maximum: 600_000,
    description: 'how long a write is held while there is no primary',
  }),
  WRITE_QUEUE_LIMIT: Type.Integer({ default: 10_000, minimum: 1, description: 'writes held at a time' }),
  IDEMPOTENCY_RETENTION_HOURS: Type.Integer({
    default: 24,
    minimum: 1,
    maximum: 720,
    description: 'how long answers are kept',
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
