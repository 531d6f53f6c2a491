import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Pair, startPair } from '@pgha/db/embedded';
import {
  createGate,
  createPool,
  type DbObserver,
  type DbPool,
  type DbSettings,
  defaultPoolLimits,
  type ExpectedRole,
  type Gate,
  migrate,
  type PoolLimits,
  type RideContext,
  type Session,
  silentObserver,
} from '../src/index.ts';

/** A pair with the schema, and pools and ride contexts that end with it. */
export interface Fixture {
  pair: Pair;
  settings(port: number, login?: keyof Pair['logins']): DbSettings;
  pool(settings: DbSettings, role: ExpectedRole, limits?: Partial<PoolLimits>): DbPool;
  /** What a service rides with. */
  writes(pool: DbPool, observer?: DbObserver): RideContext & { gate: Gate };
  /** The superuser's sessions on the primary, past the forwarder. */
  direct: DbPool;
  /** Port of the member that is not primary. */
  replicaMember(): number;
  stop(): Promise<void>;
}

export async function startFixture(): Promise<Fixture> {
  const dir = mkdtempSync(join(tmpdir(), 'pgha-db-'));
  const pair = await startPair({ dir }).catch((error: unknown) => {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  });
  const open: { close(): unknown }[] = [];
  const settings: Fixture['settings'] = (port, login = 'app') => ({
    host: pair.host,
    port,
    database: pair.database,
    ...pair.logins[login],
    tls: { mode: 'disable' },
  });
  const pool: Fixture['pool'] = (to, role, limits = {}) => {
    const created = createPool('test', to, { ...defaultPoolLimits, minSize: 0, ...limits }, role, silentObserver);
    open.push(created);
    return created;
  };
  const member = (isPrimary: boolean) => {
    const found = pair.members().find(({ name }) => (name === pair.primary()) === isPrimary);
    if (!found) throw new Error(`no such member: ${JSON.stringify(pair.members())}`);
    return found.port;
  };
  await migrate(settings(pair.primaryPort, 'owner'));
  const direct = pool(settings(member(true), 'superuser'), 'primary');
  await direct.use(async (session) => {
    // a replica whose receiver a test stops is not taken for a lost one
    await run(session, `alter system set wal_sender_timeout = '60s'`);
    await run(session, 'select pg_reload_conf()');
  });
  return {
    pair,
    settings,
    pool,
    writes(through, observer = silentObserver) {
      const gate = createGate(through, 10_000);
      open.unshift(gate);
      return { kind: 'write', gate, observer };
    },
    direct,
    replicaMember: () => member(false),
    async stop() {
      for (const each of open) await each.close();
      await pair.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Notes every change of an item in the change's own transaction, so that what is applied twice can be counted. */
export async function noteEffects({ pool, settings, pair }: Fixture): Promise<void> {
  const owner = pool(settings(pair.primaryPort, 'owner'), 'primary');
  await owner.use(async (session) => {
    await run(session, 'create table effects (change text, item_id bigint, name text)');
    await run(
      session,
      `create function note_effect() returns trigger language plpgsql security definer as $$
       begin
         insert into effects values (tg_op, coalesce(new.id, old.id), coalesce(new.name, old.name));
         return null;
       end $$`,
    );
    await run(
      session,
      `create trigger note_effect after insert or update or delete on items
         for each row execute function note_effect()`,
    );
  });
}

/** The changes of items whose names begin with `prefix`, in no order, as `CHANGE name`. */
export async function effects({ direct }: Fixture, prefix: string): Promise<string[]> {
  const rows = await direct.use((session) =>
    run(session, `select change || ' ' || name as effect from effects where starts_with(name, $1)`, [prefix]),
  );
  return rows.map((row) => String(row['effect'])).sort();
}

/** A statement of a test's own, unnamed. */
export function run(session: Session, text: string, values?: unknown[]): Promise<Record<string, string | null>[]> {
  return session.query({ name: '', text, ...(values ? { values } : {}) });
}
