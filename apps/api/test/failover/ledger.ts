import { setTimeout as delay } from 'node:timers/promises';
import { createPool, type DbPool, type DbSettings, defaultPoolLimits, silentObserver } from '@pgha/db';
import type { MemberTables } from './history.ts';
import type { Stack } from './services.ts';

/**
 * Notes every change of an item in the change's own transaction, so that a change applied twice can be counted even where
 * the second one left the row as it was. The writer's row lock is held until its commit: for a row, `place` is commit order.
 */
const ledger = [
  'create table ledger (place bigint generated always as identity primary key, change text, item_id bigint, value text)',
  `create function note_change() returns trigger language plpgsql security definer as $$
   begin
     insert into ledger (change, item_id, value)
     values (tg_op, coalesce(new.id, old.id), coalesce(new.name, old.name));
     return null;
   end $$`,
  'create trigger note_change after insert or update or delete on items for each row execute function note_change()',
];

export async function keepLedger({ pair }: Stack): Promise<void> {
  const settings: DbSettings = {
    host: pair.host,
    port: pair.primaryPort,
    database: pair.database,
    ...pair.logins.owner,
    tls: { mode: 'disable' },
  };
  const pool = createPool('owner', settings, defaultPoolLimits, 'primary', silentObserver);
  await pool.use(async (session) => {
    for (const text of ledger) await session.query({ name: '', text });
  });
  await pool.close();
}

/** How long a replica that streams may take to replay what was written. */
const replayDeadlineMs = 30_000;

/** What every member holds of the values that begin with `prefix`, once each has replayed all there was. */
export async function readMembers({ pair, direct }: Stack, prefix: string): Promise<MemberTables[]> {
  await pair.settled();
  const members = pair.members();
  const primary = members.find(({ name }) => name === pair.primary());
  if (!primary) throw new Error(`no member is primary: ${JSON.stringify(members)}`);
  const [position] = await direct(primary.port).use((session) =>
    session.query<{ lsn: string }>({ name: '', text: 'select pg_current_wal_flush_lsn()::text as lsn' }),
  );
  return Promise.all(
    members.map(async ({ name, port }) => {
      const pool = direct(port);
      if (name !== primary.name) await waitForReplay(pool, position?.lsn ?? '');
      return readTables(pool, name, prefix);
    }),
  );
}

async function waitForReplay(pool: DbPool, lsn: string): Promise<void> {
  const deadline = Date.now() + replayDeadlineMs;
  for (;;) {
    const [row] = await pool.use((session) =>
      session.query<{ reached: string }>({
        name: '',
        text: 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as reached',
        values: [lsn],
      }),
    );
    if (row?.reached === 't') return;
    if (Date.now() > deadline) throw new Error(`the replica did not replay ${lsn} within ${replayDeadlineMs} ms`);
    await delay(20);
  }
}

function readTables(pool: DbPool, member: string, prefix: string): Promise<MemberTables> {
  return pool.use(async (session) => ({
    member,
    rows: await session.query({
      name: '',
      text: `select id::text as id, name as value from items where starts_with(name, $1) order by id`,
      values: [prefix],
    }),
    ledger: await session.query({
      name: '',
      text: `select change, item_id::text as id, value from ledger where starts_with(value, $1) order by place`,
      values: [prefix],
    }),
  }));
}
