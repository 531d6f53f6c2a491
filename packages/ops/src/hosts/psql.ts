import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** A connection as libpq takes it, apart from the address it is dialled at. */
export interface Connection {
  /** The name its certificate is checked against. */
  host: string;
  address: string;
  port: number;
  database: string;
  user: string;
  password: string;
  /** PEM. */
  ca: string;
}

/**
 * Opens psql on this terminal and returns its exit code. Password and CA are in files that only this user can read and that
 * are gone afterwards: arguments and environments can be listed.
 *
 * @param args for psql itself.
 * @throws when psql is not installed.
 */
export async function openPsql(connection: Connection, args: readonly string[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'pgha-psql-'));
  const [caFile, passFile] = [join(folder, 'ca.crt'), join(folder, 'pgpass')];
  try {
    await writeFile(caFile, connection.ca, { mode: 0o600 });
    await writeFile(passFile, renderPassLine(connection), { mode: 0o600 });
    const result = await execa('psql', [...args], {
      stdio: 'inherit',
      reject: false,
      env: {
        PGHOST: connection.host,
        PGHOSTADDR: connection.address,
        PGPORT: `${connection.port}`,
        PGDATABASE: connection.database,
        PGUSER: connection.user,
        PGPASSFILE: passFile,
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: caFile,
        PGAPPNAME: 'pgha connect',
      },
    });
    if (result.code === 'ENOENT') {
      throw new Error(
        'psql is not installed; on Debian and Ubuntu: apt-get install postgresql-client. --print shows the URL',
      );
    }
    return result.exitCode ?? 255;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One line of a password file (PostgreSQL manual, 32.16): colons and backslashes are escaped. */
export function renderPassLine({ host, port, database, user, password }: Connection): string {
  const quoted = (text: string) => text.replaceAll(/[\\:]/g, (character) => `\\${character}`);
  return `${[host, `${port}`, database, user, password].map(quoted).join(':')}\n`;
}
