import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createInsertQueue,
  type DbPool,
  type ItemFields,
  insertItem,
  OutcomeUnknownError,
  ownIdentity,
  type RideContext,
  type WriteResult,
  writeOnce,
} from '../src/index.ts';
import { effects, type Fixture, noteEffects, run, startFixture } from './fixture.ts';

let fixture: Fixture;
let pool: DbPool;
let context: RideContext;
let test = 0;
let name = '';
beforeAll(async () => {
  fixture = await startFixture();
  pool = fixture.pool(fixture.settings(fixture.pair.primaryPort), 'primary');
  context = fixture.writes(pool);
  await noteEffects(fixture);
});
afterAll(async () => {
  await fixture?.stop();
});
beforeEach(() => {
  name = `item ${++test}.`;
});

const fields = (of: string): ItemFields => ({ name: of, description: null, price: '1.00', isActive: true });
const soon = () => Date.now() + 30_000;

const kinds: Record<string, (deadline: number) => Promise<WriteResult>> = {
  'a write': (deadline) =>
    writeOnce(pool, context, ownIdentity(), deadline, async (session) => {
      const item = await insertItem(session, fields(name));
      return { status: 201, body: item.body, etag: `"${item.id}"`, location: item.id };
    }),
  'a grouped insert': (deadline) =>
    createInsertQueue({ pool, context, locationPrefix: '', maxRows: 50, maxInFlight: 2 }).insert(
      { fields: fields(name), identity: null },
      deadline,
    ),
};

describe('a wait for the standby that is cancelled', () => {
  /** Stops the process that receives the replica's log; nothing can be confirmed until it goes on. */
  async function stopReceiver(): Promise<() => void> {
    await fixture.pair.settled();
    const replica = fixture.pool(fixture.settings(fixture.replicaMember(), 'superuser'), 'any-read-only');
    const [row] = await replica.use((session) => run(session, 'select pid from pg_stat_wal_receiver'));
    const pid = Number(row?.['pid']);
    if (!(pid > 1)) throw new Error('the replica has no WAL receiver');
    process.kill(pid, 'SIGSTOP');
    return () => process.kill(pid, 'SIGCONT');
  }

  /** Ends the waits of this test's connections by `how`; answers how many there were. */
  async function endWaits(how: 'pg_cancel_backend' | 'pg_terminate_backend'): Promise<number> {
    const rows = await fixture.direct.use((session) =>
      run(session, `select ${how}(pid) from pg_stat_activity where wait_event = 'SyncRep' and usename = $1`, [
        fixture.pair.logins.app.user,
      ]),
    );
    return rows.length;
  }

  const endAWait = (how: 'pg_cancel_backend' | 'pg_terminate_backend') =>
    vi.waitUntil(async () => (await endWaits(how)) > 0, { timeout: 10_000, interval: 10 });

  for (const [kind, write] of Object.entries(kinds)) {
    for (const how of ['pg_cancel_backend', 'pg_terminate_backend'] as const) {
      it(`is not success for ${kind} (${how}): it is answered once a standby has it`, async () => {
        const goOn = await stopReceiver();
        let answered = false;
        const writing = write(soon()).finally(() => {
          answered = true;
        });
        try {
          // the attempts that follow find the write applied, and wait as well
          for (let times = 0; times < 3; times += 1) await endAWait(how);
          expect(answered).toBe(false);
        } finally {
          goOn();
        }
        const answer = await writing;
        expect(answer.status).toBe(201);
        expect(await effects(fixture, name)).toEqual([`INSERT ${name}`]);
        const replica = fixture.pool(fixture.settings(fixture.replicaMember(), 'superuser'), 'any-read-only');
        const [received] = await replica.use((session) =>
          run(session, 'select pg_last_wal_receive_lsn() >= $1::pg_lsn as confirmed', [answer.position.split(';')[0]]),
        );
        expect(received?.['confirmed']).toBe('t');
      });
    }

    it(`is an unknown outcome for ${kind} when no standby has confirmed it by its deadline`, async () => {
      const goOn = await stopReceiver();
      try {
        const writing = write(Date.now() + 700).then(
          () => 'success',
          (error: unknown) => error,
        );
        let outcome: unknown = null;
        void writing.then((each) => {
          outcome = each;
        });
        await vi.waitUntil(
          async () => {
            await endWaits('pg_cancel_backend');
            return outcome !== null;
          },
          { timeout: 10_000, interval: 20 },
        );
        expect(outcome).toBeInstanceOf(OutcomeUnknownError);
      } finally {
        goOn();
      }
    });
  }
});
