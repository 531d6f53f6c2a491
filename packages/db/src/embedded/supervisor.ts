import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { copyRunningServer } from './base-backup.ts';
import { type Action, decide, type MemberView, type Observation } from './decision.ts';
import { EmbeddedFailure } from './failure.ts';
import type { Forwarder } from './forwarder.ts';
import type { Login } from './logins.ts';
import { createObserver, type MemberReport, type Observer } from './observer.ts';
import type { Server } from './server.ts';
import { connect } from './session.ts';
import { MEMBER_NAMES, type MemberName, otherMember, type PairState } from './state.ts';

/** Everything the supervisor acts through; it decides nothing that decision.ts does not. */
export interface SupervisorParts {
  servers: Record<MemberName, Server>;
  ports: Record<MemberName, number>;
  dataDirs: Record<MemberName, string>;
  forwarders: { primary: Forwarder; replica: Forwarder };
  superuser: Login;
  state: PairState;
  automaticFailover: boolean;
  log(line: string): void;
  /** Writes the state through to the disk; returns only then. */
  saveState(state: PairState): void;
  /** Writes the member's postgresql.conf for its present role. */
  writeSettings(name: MemberName, waitsFor: MemberName | null): void;
  /** Copies the running primary into the other member's directory and syncs it. */
  account: Parameters<typeof copyRunningServer>[3];
  syncToDisk(dataDir: string): void;
}

export interface Supervisor {
  state(): PairState;
  reports(): Record<MemberName, MemberReport | null>;
  phases(): Record<MemberName, MemberView['phase']>;
  /** Called by a server the moment it has ended. */
  exited(name: MemberName, asked: boolean): void;
  /** A fault: the member is down on purpose, and stays so while `hold` says. */
  hold(name: MemberName): void;
  release(): void;
  promoteAfter(ms: number): void;
  /** Resolves when the primary is writable and its replica synchronous, by an observation that began after the call. */
  settled(deadlineMs: number): Promise<void>;
  /** Resolves when the primary is writable. */
  writable(deadlineMs: number): Promise<void>;
  /** Ends the supervision; the servers are left as they are. */
  stop(): Promise<void>;
}

/** How often the members are asked when nothing happens. */
const TICK_MS = 250;
/** While something is under way an answer is worth more than the queries. */
const BUSY_TICK_MS = 25;
const PROMOTION_MS = 60_000;
/** Pause after the n-th failure in a row: 0.5, 1, 2, … at most 10 s. */
const retryPauseMs = (failures: number) => Math.min(10_000, 250 * 2 ** failures);

export function createSupervisor(parts: SupervisorParts): Supervisor {
  const { servers, ports, dataDirs, forwarders, superuser, log } = parts;
  let state = parts.state;
  const members: Record<MemberName, Omit<MemberView, 'phase' | 'answers' | 'inRecovery'>> = {
    pg1: { held: false, hasRun: servers.pg1.phase() === 'running', failures: 0, retryAtMs: 0 },
    pg2: { held: false, hasRun: servers.pg2.phase() === 'running', failures: 0, retryAtMs: 0 },
  };
  const observers: Record<MemberName, Observer> = {
    pg1: createObserver(ports.pg1, superuser, 'pg2'),
    pg2: createObserver(ports.pg2, superuser, 'pg1'),
  };
  let reports: Record<MemberName, MemberReport | null> = { pg1: null, pg2: null };
  let waitsFor: MemberName | null = state.synchronous;
  let waitsSince: bigint | null = null;
  let streamLastSeenMs: number | null = null;
  let building: { name: MemberName; done: Promise<void> } | null = null;
  let promoteAfterMs = 0;
  let promoteAtMs = 0;
  let primaryLostAtMs: number | null = null;
  let rounds = 0;
  let roundWatchers: (() => void)[] = [];
  let stopping = false;
  let wake: () => void = () => {};

  const phase = (name: MemberName): MemberView['phase'] =>
    building?.name === name ? 'building' : servers[name].phase();

  const save = (change: Partial<PairState>) => {
    state = { ...state, ...change };
    parts.saveState(state);
  };

  const view = (name: MemberName): MemberView => ({
    ...members[name],
    phase: phase(name),
    answers: reports[name] !== null && phase(name) === 'running',
    inRecovery: reports[name]?.inRecovery ?? null,
  });

  /** Where clients are led follows from the last observation, and an exit is an observation. */
  const route = () => {
    const primary = view(state.primary);
    const replicaName = otherMember(state.primary);
    const replica = view(replicaName);
    const writable = primary.answers && primary.inRecovery === false ? ports[state.primary] : null;
    const follows = writable === null || reports[state.primary]?.stream?.streaming === true;
    forwarders.primary.setTarget(writable);
    forwarders.replica.setTarget(
      replica.answers && replica.inRecovery === true && follows ? ports[replicaName] : writable,
    );
  };

  async function observe(): Promise<Observation> {
    const [pg1, pg2] = await Promise.all(
      MEMBER_NAMES.map((name) => (servers[name].phase() === 'running' ? observers[name].read() : null)),
    );
    reports = { pg1: pg1 ?? null, pg2: pg2 ?? null };
    const nowMs = performance.now();
    const primary = reports[state.primary];
    const stream = primary?.stream ?? null;
    if (primary === null || primary.inRecovery) streamLastSeenMs = null;
    else if (stream?.streaming === true || streamLastSeenMs === null) streamLastSeenMs = nowMs;
    return {
      nowMs,
      state,
      members: { pg1: view('pg1'), pg2: view('pg2') },
      waitsFor,
      waitsSince,
      stream,
      streamMissingMs: streamLastSeenMs === null ? 0 : nowMs - streamLastSeenMs,
      slotLost: primary?.slotLost ?? false,
      automaticFailover: parts.automaticFailover,
      promoteAtMs,
    };
  }

  async function act(action: Exclude<Action, { do: 'nothing' }>): Promise<void> {
    switch (action.do) {
      case 'start':
        return start(action.member);
      case 'fail-over':
        return failOver(action.from, action.to);
      case 'promote':
        return promote(action.member);
      case 'go-alone':
        return goAlone();
      case 'wait-for-replica':
        return waitForReplica(action.replica);
      case 'record-synchronous':
        save({ synchronous: action.replica });
        log(
          `${action.replica} follows ${state.primary} synchronously: every write is on two machines when it is acknowledged`,
        );
        return;
      case 'rebuild':
        return rebuild(action.member);
    }
  }

  /** Begins a start and does not wait for it: a long crash recovery must not keep us from the other member. */
  async function start(name: MemberName): Promise<void> {
    if (name === state.primary) {
      waitsFor = state.synchronous;
      waitsSince = null;
    }
    parts.writeSettings(name, name === state.primary ? waitsFor : null);
    servers[name].fence();
    servers[name].start().then(
      () => {
        members[name].hasRun = true;
        members[name].failures = 0;
        if (name === state.primary) primaryLostAtMs = null;
        wake();
      },
      (error: Error) => {
        if (stopping || members[name].held) return;
        failed(name, error);
      },
    );
  }

  function failed(name: MemberName, error: Error): void {
    members[name].failures += 1;
    members[name].retryAtMs = performance.now() + retryPauseMs(members[name].failures);
    if (!stopping) log(error.message);
    wake();
  }

  async function failOver(from: MemberName, to: MemberName): Promise<void> {
    forwarders.primary.setTarget(null);
    servers[from].fence();
    log(`primary ${from} is gone: promoting ${to}`);
    // on the disk before the promotion: from here on `from` never serves these files again
    save({ primary: to, synchronous: null, stale: [from] });
    waitsFor = null;
    waitsSince = null;
    members[from] = { held: false, hasRun: false, failures: 0, retryAtMs: 0 };
    promoteAfterMs = 0;
    await promote(to);
  }

  async function promote(name: MemberName): Promise<void> {
    const session = await connect({ port: ports[name], database: 'postgres', login: superuser });
    try {
      await session.query('select pg_promote(wait => false)');
      const deadline = performance.now() + PROMOTION_MS;
      for (;;) {
        const { rows } = await session.query<{ in_recovery: boolean }>('select pg_is_in_recovery() as in_recovery');
        if (rows[0]?.in_recovery === false) break;
        if (performance.now() > deadline) throw new Error(`${name} was not promoted within ${PROMOTION_MS / 1000} s`);
        await delay(5);
      }
    } finally {
      void session.end().catch(() => {});
    }
    forwarders.primary.setTarget(ports[name]);
    const gap =
      primaryLostAtMs === null
        ? ''
        : `, ${((performance.now() - primaryLostAtMs) / 1000).toFixed(1)} s after the old one was lost`;
    primaryLostAtMs = null;
    log(`${name} is primary now${gap}`);
  }

  async function goAlone(): Promise<void> {
    const replica = otherMember(state.primary);
    // recorded first: a primary that no longer waits must not be replaced by a replica that may lack a write
    save({ synchronous: null });
    waitsFor = null;
    waitsSince = null;
    parts.writeSettings(state.primary, null);
    servers[state.primary].reload();
    log(`replica ${replica} gone: the primary goes on alone, writes are on one machine only`);
  }

  async function waitForReplica(replica: MemberName): Promise<void> {
    const { primary } = state;
    waitsFor = replica;
    waitsSince = null;
    parts.writeSettings(primary, replica);
    servers[primary].reload();
    waitsSince = await positionOnceInForce(ports[primary], superuser);
  }

  function rebuild(name: MemberName): void {
    const { primary } = state;
    if (!state.stale.includes(name)) save({ stale: [name] });
    const done = build(name, primary)
      .then(() => {
        if (state.primary !== primary) return; // the primary changed while we copied it: not usable
        save({ stale: state.stale.filter((stale) => stale !== name) });
        members[name].failures = 0;
        members[name].hasRun = false;
      })
      .catch((error: Error) => {
        if (!stopping)
          failed(name, new Error(`replica ${name} could not be built: ${error.message}`, { cause: error }));
      })
      .finally(() => {
        building = null;
        wake();
      });
    building = { name, done };
  }

  async function build(name: MemberName, primary: MemberName): Promise<void> {
    log(`building replica ${name} from ${primary}`);
    await servers[name].stop('immediate');
    servers[name].fence();
    const session = await connect({ port: ports[primary], database: 'postgres', login: superuser, answerMs: null });
    try {
      await session.query(
        `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active`,
        [name],
      );
      await session.query(
        `select pg_create_physical_replication_slot($1, immediately_reserve => true)
          where not exists (select from pg_replication_slots where slot_name = $1)`,
        [name],
      );
      rmSync(dataDirs[name], { recursive: true, force: true });
      await copyRunningServer(session, dataDirs[primary], dataDirs[name], parts.account);
    } finally {
      void session.end().catch(() => {});
    }
    parts.syncToDisk(dataDirs[name]);
  }

  /** Observes and acts until nothing is left to do, so that a failover takes no tick between its steps. */
  async function round(): Promise<boolean> {
    for (;;) {
      const seen = await observe();
      route();
      rounds += 1;
      const watchers = roundWatchers;
      roundWatchers = [];
      for (const watcher of watchers) watcher();
      if (stopping) return false;
      const action = decide(seen);
      if (action.do === 'nothing') {
        return state.synchronous === null || !seen.members[state.primary].answers;
      }
      await act(action);
    }
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      let busy = true;
      try {
        busy = await round();
      } catch (error) {
        log(`supervision: ${(error as Error).message}; trying again`);
      }
      const timer = new AbortController();
      await Promise.race([woken, delay(busy ? BUSY_TICK_MS : TICK_MS, null, { signal: timer.signal }).catch(() => {})]);
      timer.abort();
    }
  }

  const running = run();

  async function until(condition: () => boolean, what: string, deadlineMs: number): Promise<void> {
    const first = rounds + 2; // the round under way began before the call
    const deadline = performance.now() + deadlineMs;
    wake();
    for (;;) {
      await new Promise<void>((resolve) => {
        roundWatchers.push(resolve);
      });
      if (rounds >= first && condition()) return;
      if (stopping) throw new EmbeddedFailure('not-settled', `stopped before ${what}`);
      if (performance.now() > deadline) {
        throw new EmbeddedFailure(
          'not-settled',
          `not ${what} within ${deadlineMs / 1000} s: ${MEMBER_NAMES.map((name) => `${name} is ${phase(name)}${members[name].held ? ' (held down by a fault: call startStopped())' : ''}`).join(', ')}, primary ${state.primary}, synchronous ${state.synchronous ?? 'nobody'}`,
        );
      }
    }
  }

  const isWritable = () => {
    const primary = view(state.primary);
    return primary.answers && primary.inRecovery === false;
  };

  return {
    state: () => state,
    reports: () => reports,
    phases: () => ({ pg1: phase('pg1'), pg2: phase('pg2') }),

    exited(name, asked) {
      reports = { ...reports, [name]: null };
      route();
      if (stopping) return;
      if (name === state.primary) {
        primaryLostAtMs ??= performance.now();
        if (members[name].hasRun) promoteAtMs = performance.now() + promoteAfterMs;
      }
      if (!asked && members[name].hasRun && !members[name].held) log(`${name} ended unexpectedly`);
      wake();
    },

    hold(name) {
      members[name].held = true;
    },

    release() {
      for (const name of MEMBER_NAMES) {
        members[name].held = false;
        members[name].retryAtMs = 0;
      }
      wake();
    },

    promoteAfter(ms) {
      promoteAfterMs = ms;
    },

    settled: (deadlineMs) =>
      until(
        () => isWritable() && state.synchronous !== null && reports[state.primary]?.stream?.streaming === true,
        'settled',
        deadlineMs,
      ),

    writable: (deadlineMs) => until(isWritable, 'writable', deadlineMs),

    async stop() {
      stopping = true;
      wake();
      await running;
      await building?.done;
      await Promise.all(MEMBER_NAMES.map((name) => observers[name].close()));
    },
  };
}

/**
 * A WAL position reached after the primary's new synchronous_standby_names was in force in every process. Whether a commit
 * waits is a flag in shared memory that the checkpointer sets when it reads the settings again. The postmaster forks a new
 * session only after it has passed the reload on, and a checkpoint asked for by that session begins after the checkpointer
 * has read them.
 */
async function positionOnceInForce(port: number, login: Login): Promise<bigint> {
  const session = await connect({ port, database: 'postgres', login, answerMs: null });
  try {
    await session.query('checkpoint');
    const { rows } = await session.query<{ position: string }>(
      `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as position`,
    );
    return BigInt(rows[0]?.position ?? '0');
  } finally {
    void session.end().catch(() => {});
  }
}
