import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

/** What a PostgreSQL node is given, the services' defaults, and the settings of the logins. */
const node = read('packages/infra/src/machines/golden/pg-1.txt');
const services = read('.env.example');
const roles = read('packages/infra/src/machines/programs/database-roles.sql');

/** The number behind a setting, in the unit that it is written in. */
function numberBehind(text: string, setting: RegExp): number {
  const [, digits] = new RegExp(`${setting.source}\\D{0,12}?(\\d+)`, 'm').exec(text) ?? [];
  if (digits === undefined) throw new Error(`no ${setting.source}`);
  return Number(digits);
}

/** As the pages write it: a space between the thousands. */
const spaced = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ' ');

const said: readonly (readonly [string, string])[] = [
  ['clients of one PgBouncer', spaced(numberBehind(node, /max_client_conn/))],
  ['connections through one HAProxy', spaced(numberBehind(node, /^.*\bmaxconn/))],
  ['wait for a server connection in PgBouncer', `${numberBehind(node, /query_wait_timeout/)} s`],
  ['lifetime of a server connection of PgBouncer', `${spaced(numberBehind(node, /server_lifetime/))} s`],
  ['`statement_timeout` of `app_a`', `${numberBehind(roles, /set statement_timeout = %L', login,/)} s`],
  ['`lock_timeout` of the same logins', `${numberBehind(roles, /set lock_timeout = %L', login,/)} s`],
  [
    '`idle_in_transaction_session_timeout` of the same logins',
    `${numberBehind(roles, /set idle_in_transaction_session_timeout = %L', login,/)} s`,
  ],
  ['`Idempotency-Key`', `${numberBehind(services, /IDEMPOTENCY_RETENTION_HOURS/)} hours`],
  ['wait of a write for a primary', `${numberBehind(services, /WRITE_DEADLINE_MS/) / 1_000} s`],
  ['writes waiting at a time', spaced(numberBehind(services, /WRITE_QUEUE_LIMIT/))],
  ['wait of a read for a server', `${numberBehind(services, /READ_DEADLINE_MS/) / 1_000} s`],
  ['wait of a read for `Min-LSN`', `${numberBehind(services, /READ_WAIT_MS/) / 1_000} s`],
  ['requests of one client', spaced(numberBehind(services, /RATE_LIMIT_MAX/))],
];

describe('the page on limits', () => {
  const rows = read('docs/limits.md')
    .split('\n')
    .filter((line) => line.startsWith('| '));

  it.each(said)('says of %s what is configured', (limit, value) => {
    const row = rows.find((line) => line.startsWith(`| ${limit}`));
    expect(row).toContain(` ${value}`);
  });
});
