import { setTimeout as delay } from 'node:timers/promises';
import type { DbPool, Session } from '@pgha/db';
import type { Stack } from './services.ts';

/** How long a workload may take to bring its connections into a commit. */
const committingDeadlineMs = 10_000;
const promotionDeadlineMs = 10_000;

export interface DuringCommits {
  /** Connections of the write service that are committing: on the primary's disk, not yet on the replica's, not answered. */
  atLeast: number;
  /** Sends what is to be committing, where no workload does. */
  begin?: () => void;
  fault: () => void;
}

/** Stops the replica's receiver until so many connections are in the middle of a commit, and then runs `fault`. */
export async function duringCommits(stack: Stack, { atLeast, begin = () => {}, fault }: DuringCommits): Promise<void> {
  const receiver = await walReceiver(stack);
  await primarySession(stack, async (session) => {
    // the primary would take a receiver that says nothing for a lost one after 5 s
    await session.query({ name: '', text: `alter system set wal_sender_timeout = '60s'` });
    await session.query({ name: '', text: 'select pg_reload_conf()' });
  });
  process.kill(receiver, 'SIGSTOP');
  try {
    begin();
    const deadline = Date.now() + committingDeadlineMs;
    for (;;) {
      const committing = await connectionsCommitting(stack);
      if (committing >= atLeast) break;
      if (Date.now() > deadline) throw new Error(`${committing} connections were committing, ${atLeast} were expected`);
      await delay(10);
    }
    fault();
  } finally {
    process.kill(receiver, 'SIGCONT');
  }
}

/**
 * Lets the primary acknowledge without the replica, runs `work` while the replica receives nothing, then kills the primary
 * and has the replica promoted as it is: what a cluster that replicates asynchronously may come to.
 */
export async function loseAcknowledged(stack: Stack, work: () => Promise<void>): Promise<void> {
  const receiver = await walReceiver(stack);
  const replica = replicaPool(stack);
  await primarySession(stack, async (session) => {
    await session.query({ name: '', text: `alter system set synchronous_standby_names = ''` });
    await session.query({ name: '', text: `alter system set wal_sender_timeout = '60s'` });
    await session.query({ name: '', text: 'select pg_reload_conf()' });
  });
  process.kill(receiver, 'SIGSTOP');
  try {
    await work();
    stack.pair.killPrimary();
    // told to end before it goes on, the receiver does not read what the primary had still sent
    const deadline = Date.now() + promotionDeadlineMs;
    while (!(await isWaitingForReceiver(replica))) {
      if (Date.now() > deadline) throw new Error(`the replica was not promoted within ${promotionDeadlineMs} ms`);
      await delay(10);
    }
  } finally {
    process.kill(receiver, 'SIGCONT');
  }
}

async function isWaitingForReceiver(replica: DbPool): Promise<boolean> {
  const rows = await replica.use((session) =>
    session.query({
      name: '',
      text: `select from pg_stat_activity where backend_type = 'startup' and wait_event = 'WalReceiverExit'`,
    }),
  );
  return rows.length > 0;
}

/** The process that receives the replica's log. */
async function walReceiver(stack: Stack): Promise<number> {
  await stack.pair.settled();
  const [row] = await replicaPool(stack).use((session) =>
    session.query<{ pid: string }>({ name: '', text: 'select pid from pg_stat_wal_receiver' }),
  );
  if (!row) throw new Error('the replica does not stream');
  return Number(row.pid);
}

function replicaPool({ pair, direct }: Stack): DbPool {
  const replica = pair.members().find(({ name }) => name !== pair.primary());
  if (!replica) throw new Error('there is no replica');
  return direct(replica.port);
}

async function connectionsCommitting(stack: Stack): Promise<number> {
  const [row] = await primarySession(stack, (session) =>
    session.query<{ count: string }>({
      name: '',
      text: `select count(*) as count from pg_stat_activity where usename = $1 and wait_event = 'SyncRep'`,
      values: [stack.pair.logins.app.user],
    }),
  );
  return Number(row?.count);
}

function primarySession<T>({ pair, direct }: Stack, work: (session: Session) => Promise<T>): Promise<T> {
  const primary = pair.members().find(({ name }) => name === pair.primary());
  if (!primary) throw new Error('there is no primary');
  return direct(primary.port).use(work);
}
