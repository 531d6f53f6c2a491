import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';

import { writeDurably } from './durable-file.ts';

export interface Login {
  user: string;
  password: string;
}

export interface Logins {
  owner: Login;
  app: Login;
  readonly: Login;
  superuser: Login;
  replication: Login;
}

/** Reads the passwords of this directory; makes them on the first start. The file is for its owner's eyes only. */
export function readOrCreateLogins(path: string): Logins {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Logins;
  const logins: Logins = {
    owner: createLogin('pgha_owner'),
    app: createLogin('app_a'),
    readonly: createLogin('readonly_a'),
    superuser: createLogin('pgha_superuser'),
    replication: createLogin('pgha_replication'),
  };
  writeDurably(path, `${JSON.stringify(logins, null, 2)}\n`, 0o600);
  return logins;
}

/** Renders the logins as libpq's password file, so that psql needs no password typed. */
export function renderPasswordFile(logins: Logins): string {
  const { replication: _, ...forPeople } = logins;
  return Object.values(forPeople)
    .map(({ user, password }) => `127.0.0.1:*:*:${user}:${password}\n`)
    .join('');
}

/** 192 bits in letters and digits of hexadecimal: nothing to escape in SQL, a conninfo or a URL. */
function createLogin(user: string): Login {
  return { user, password: randomBytes(24).toString('hex') };
}
