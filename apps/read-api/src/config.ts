import { inheritedSocket, loadServiceConfig, readSettings, type ServiceConfig, serviceSettings } from '@pgha/http';
import { Type } from 'typebox';

/** The settings of the read service, in addition to the shared ones. */
export const ReadApiSettingsSchema = Type.Object({
  ...serviceSettings,
  PORT: Type.Integer({
    default: 8001,
    minimum: 0,
    maximum: 65_535,
    description: 'port to listen on; the write API uses 8000',
  }),
  DB_PORT: Type.Integer({
    default: 5433,
    minimum: 1,
    maximum: 65_535,
    description: 'database port; 5433 connects to a replica',
  }),
  DB_USER: Type.String({ default: 'readonly_a', description: 'database login' }),
  READ_WAIT_MS: Type.Integer({
    default: 1_000,
    minimum: 0,
    maximum: 60_000,
    description: 'how long a read waits for the replica to reach Min-LSN',
  }),
});

export interface ReadApiConfig extends ServiceConfig {
  readWaitMs: number;
}

/** Reads the read service's configuration. Throws `SettingsError`. */
export async function readConfig(env: NodeJS.ProcessEnv = process.env): Promise<ReadApiConfig> {
  const settings = readSettings(ReadApiSettingsSchema, env);
  return { ...(await loadServiceConfig(settings, false)), readWaitMs: settings.READ_WAIT_MS };
}

/** The socket systemd passed, if any. */
export function readInheritedSocket(): number | null {
  return inheritedSocket(process.env);
}
