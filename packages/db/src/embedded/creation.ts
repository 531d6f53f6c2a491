import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { escapeIdentifier, escapeLiteral } from 'pg';

import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { writeDurably } from './durable-file.ts';
import { EmbeddedFailure } from './failure.ts';
import type { Login, Logins } from './logins.ts';
import { runProgram } from './run-program.ts';
import type { Server } from './server.ts';
import { connect } from './session.ts';
import { renderHba } from './settings.ts';
import type { MemberName } from './state.ts';

export const DATABASE = 'pgha';

export interface CreateOptions {
  dataDir: string;
  port: number;
  server: Server;
  binaries: Binaries;
  account: Account | null;
  logins: Logins;
  writeSettings(name: MemberName, waitsFor: null): void;
}

/** Makes the first primary, with its roles and an empty database, and leaves it running. */
export async function createPrimary({
  dataDir,
  port,
  server,
  binaries,
  account,
  logins,
  writeSettings,
}: CreateOptions): Promise<void> {
  await initialize(dataDir, binaries, account, logins.superuser);
  writeDurably(join(dataDir, 'pg_hba.conf'), renderHba(), 0o600, account);
  writeSettings('pg1', null);
  await server.start();
  await createRolesAndDatabase(port, logins);
}

/** Makes an empty data directory whose only role is the superuser. */
async function initialize(
  dataDir: string,
  { initdb }: Binaries,
  account: Account | null,
  superuser: Login,
): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'pgha-'));
  try {
    // a file, because an argument is in everybody's process list
    const passwordFile = join(scratch, 'password');
    writeFileSync(passwordFile, `${superuser.password}\n`, { mode: 0o600 });
    if (account !== null) for (const path of [scratch, passwordFile]) chownSync(path, account.uid, account.gid);
    await runInitdb(initdb, account, [
      `--pgdata=${dataDir}`,
      `--username=${superuser.user}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--data-checksums',
      '--encoding=UTF8',
      '--locale=C',
      // the built-in provider sorts alike on every machine; an operating system's changes with its upgrades
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Writes a data directory through to the disk. */
export async function syncToDisk(dataDir: string, { initdb }: Binaries, account: Account | null): Promise<void> {
  await runInitdb(initdb, account, ['--sync-only', `--pgdata=${dataDir}`]);
}

/** Creates the roles and the database on the primary's port. */
async function createRolesAndDatabase(port: number, logins: Logins): Promise<void> {
  const { owner, app, readonly, replication, superuser } = logins;
  const maintenance = await connect({ port, database: 'postgres', login: superuser });
  try {
    for (const statement of [
      'create role app nologin',
      'create role readonly nologin',
      'grant pg_read_all_stats to app, readonly',
      `create role ${loginRole(owner)}`,
      `create role ${loginRole(app)} in role app`,
      `create role ${loginRole(readonly)} in role readonly`,
      `create role ${loginRole(replication)} replication`,
      // a migration names the session that blocks it, whoever's it is
      `grant pg_read_all_stats to ${escapeIdentifier(owner.user)}`,
      ...[app, readonly].flatMap(({ user }) => [
        // as settings of the role: PgBouncer refuses them as startup parameters
        `alter role ${escapeIdentifier(user)} set statement_timeout = '15s'`,
        `alter role ${escapeIdentifier(user)} set lock_timeout = '5s'`,
        `alter role ${escapeIdentifier(user)} set idle_in_transaction_session_timeout = '10s'`,
      ]),
      `alter role ${escapeIdentifier(readonly.user)} set default_transaction_read_only = on`,
      `create database ${DATABASE} owner ${escapeIdentifier(owner.user)}`,
      `revoke all on database ${DATABASE}, postgres, template1 from public`,
      `grant connect on database ${DATABASE} to app, readonly`,
    ]) {
      await maintenance.query(statement);
    }
  } finally {
    await maintenance.end();
  }
  const database = await connect({ port, database: DATABASE, login: superuser });
  try {
    await database.query(`alter schema public owner to ${escapeIdentifier(owner.user)}`);
    await database.query('revoke all on schema public from public');
    await database.query('grant usage on schema public to app, readonly');
  } finally {
    await database.end();
  }
}

function loginRole({ user, password }: Login): string {
  return `${escapeIdentifier(user)} login password ${escapeLiteral(password)}`;
}

async function runInitdb(initdb: string, account: Account | null, options: string[]): Promise<void> {
  const { failed, output } = await runProgram(initdb, options, account);
  if (!failed) return;
  const complaint = output.split('\n').find((line) => /error|fatal|cannot|could not/i.test(line));
  const remedy = complaint?.includes('effective user ID')
    ? '; add this user to /etc/passwd, or run as another one'
    : '';
  throw new EmbeddedFailure('initdb-failed', `initdb failed: ${(complaint ?? output).trim()}${remedy}`);
}
