import type { Login } from './logins.ts';

export interface ServiceConnection {
  port: number;
  database: { port: number; name: string; login: Login };
  statusUrl: string;
}

/** What says where the database is, and how the service is reached: ours alone to say. */
const OURS = /^(DB|PATRONI|TLS|BACKUP)_|^(HOST|PORT|NODE_ENV|LISTEN_FDS|LISTEN_PID)$/;

/** The environment of a service: the user's own settings (keys, limits, log level), and where its database is. */
export function serviceEnvironment({ port, database, statusUrl }: ServiceConnection): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !OURS.test(name));
  return {
    ...Object.fromEntries(inherited),
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    PORT: String(port),
    DB_HOST: '127.0.0.1',
    DB_PORT: String(database.port),
    DB_NAME: database.name,
    DB_USER: database.login.user,
    DB_PASSWORD: database.login.password,
    DB_SSLMODE: 'disable',
    PATRONI_URLS: statusUrl,
  };
}

/** Whether writes will need a key: the examples we print must then say so. */
export function keysAreConfigured(): boolean {
  return ['API_KEYS', 'API_KEYS_FILE', 'API_KEYS_PARAMETER'].some((name) => (process.env[name] ?? '') !== '');
}
