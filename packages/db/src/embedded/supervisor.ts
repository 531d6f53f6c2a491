import { type Action, decide, type MemberView, type Observation } from './decision.ts';
import { EmbeddedFailure } from './failure.ts';
import type { Forwarder } from './forwarder.ts';
import { createObserver, type MemberReport } from './observer.ts';
import { createRebuild, type RebuildParts } from './rebuild.ts';
import { promote } from './replication.ts';
import { startRounds } from './rounds.ts';
import type { Server } from './server.ts';
import { MEMBER_NAMES, type MemberName, otherMember, type PairState } from './state.ts';
import { createSynchrony, type SynchronyParts } from './synchrony.ts';

/** Everything the supervisor acts through; it decides nothing that decision.ts does not. */
export interface SupervisorParts extends SynchronyParts, RebuildParts {
  forwarders: { primary: Forwarder; replica: Forwarder };
  state: PairState;
  automaticFailover: boolean;
  log(line: string): void;
  /** Writes the state through to the disk; returns only then. */
  saveState(state: PairState): void;
}

export interface Supervisor {
  state(): PairState;
  reports(): Record<MemberName, MemberReport | null>;
  phases(): Record<MemberName, MemberView['phase']>;
  /** To be called the moment a server has ended. */
  exited(name: MemberName, asked: boolean): void;
  /** A fault takes the member down: it stays so until `release` or a failover. */
  hold(name: MemberName): void;
  release(): void;
  promoteAfter(ms: number): void;
  /** Resolves when the primary is writable and its replica synchronous, by an observation that began after the call. */
  settled(deadlineMs: number): Promise<void>;
  writable(deadlineMs: number): Promise<void>;
  /** Ends the supervision; the servers are left as they are. */
  stop(): Promise<void>;
}

/** How often the members are asked when nothing happens. */
const TICK_MS = 250;
/** While something is under way, an early answer is worth more than the queries. */
const BUSY_TICK_MS = 25;
/** Pause after the n-th failure in a row: 0.5, 1, 2, … at most 10 s. */
const retryPauseMs = (failures: number) => Math.min(10_000, 250 * 2 ** failures);

export function createSupervisor(parts: SupervisorParts): Supervisor {
  const { servers, ports, forwarders, superuser, log } = parts;
  const observers = {
    pg1: createObserver(ports.pg1, superuser, 'pg2'),
    pg2: createObserver(ports.pg2, superuser, 'pg1'),
  };
  const members = { pg1: firstView(servers.pg1), pg2: firstView(servers.pg2) };
  let state = parts.state;
  const synchrony = createSynchrony(parts, state.synchronous);
  const rebuild = createRebuild(parts, {
    built(name) {
      members[name] = firstView(servers[name]);
      save({ stale: [] });
    },
    failed: (name, error) => failed(name, `replica ${name} could not be built: ${error.message}`),
    ended: () => rounds.wake(),
  });
  let streamLastSeenMs: number | null = null;
  let promoteAfterMs = 0;
  let promoteAtMs = 0;
  let primaryLostAtMs: number | null = null;

  const phase = (name: MemberName) => (rebuild.member() === name ? 'building' : servers[name].phase());

  const view = (name: MemberName): MemberView => {
    const answer = observers[name].answer();
    return { ...members[name], phase: phase(name), answers: answer !== null, inRecovery: answer?.inRecovery ?? null };
  };

  const isWritable = () => observers[state.primary].known()?.inRecovery === false;

  /** A member that a fault has just ended may look alive for a moment longer: `held` counts from the fault on. */
  const isSettled = () =>
    isWritable() &&
    state.synchronous !== null &&
    observers[state.primary].answer()?.stream?.streaming === true &&
    MEMBER_NAMES.every((name) => view(name).answers && !members[name].held);

  const save = (change: Partial<PairState>) => {
    state = { ...state, ...change };
    parts.saveState(state);
  };

  /** Where clients are led follows from what was seen last; an exit is seen at once. */
  const route = () => {
    const writable = isWritable() ? ports[state.primary] : null;
    const replica = otherMember(state.primary);
    // without a primary nobody streams, and what the replica has is the newest there is
    const isCurrent = writable === null || observers[state.primary].known()?.stream?.streaming === true;
    const isReplica = observers[replica].known()?.inRecovery === true;
    forwarders.primary.setTarget(writable);
    forwarders.replica.setTarget(isReplica && isCurrent ? ports[replica] : writable);
  };

  async function observe(): Promise<Observation> {
    const running = MEMBER_NAMES.filter((name) => servers[name].phase() === 'running');
    await Promise.all(running.map((name) => observers[name].read()));
    // one that ended while it was being asked has answered for a server that is no more
    for (const name of MEMBER_NAMES) if (servers[name].phase() !== 'running') observers[name].forget();
    const nowMs = performance.now();
    const report = observers[state.primary].answer();
    const stream = report?.stream ?? null;
    if (report === null || report.inRecovery) streamLastSeenMs = null;
    else if (stream?.streaming === true || streamLastSeenMs === null) streamLastSeenMs = nowMs;
    return {
      nowMs,
      state,
      members: { pg1: view('pg1'), pg2: view('pg2') },
      waitsFor: synchrony.waitsFor(),
      waitsSince: synchrony.since(),
      stream,
      streamMissingMs: streamLastSeenMs === null ? 0 : nowMs - streamLastSeenMs,
      slotLost: report?.slotLost ?? false,
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
        return becomePrimary(action.member);
      case 'go-alone':
        return goAlone();
      case 'wait-for-replica':
        // a round of its own tells when the setting is in force
        return void synchrony.establish(state.primary, action.replica).then(() => rounds.wake());
      case 'record-synchronous':
        save({ synchronous: action.replica });
        return log(`replica ${action.replica} is synchronous: every acknowledged write is on both servers`);
      case 'rebuild':
        return buildAnew(action.member);
    }
  }

  /** Begins a start and does not wait for it: a long crash recovery must not keep us from the other member. */
  function start(name: MemberName): void {
    const isPrimary = name === state.primary;
    if (isPrimary) synchrony.set(name, state.synchronous);
    else parts.writeSettings(name, null);
    members[name].held = false;
    servers[name].fence();
    servers[name].start().then(
      () => {
        members[name].hasRun = true;
        members[name].failures = 0;
        if (isPrimary) primaryLostAtMs = null;
        rounds.wake();
      },
      (error: Error) => {
        // a fault ended it while it was starting: not a failure of its own
        if (!members[name].held) failed(name, error.message);
      },
    );
  }

  function failed(name: MemberName, complaint: string): void {
    members[name].failures += 1;
    members[name].retryAtMs = performance.now() + retryPauseMs(members[name].failures);
    if (!rounds.isStopping()) log(complaint);
    rounds.wake();
  }

  async function failOver(from: MemberName, to: MemberName): Promise<void> {
    log(`primary ${from} failed: promoting ${to}`);
    servers[from].fence();
    // on the disk before the promotion: from here on `from` never serves these files again
    save({ primary: to, synchronous: null, stale: [from] });
    synchrony.forget();
    members[from] = firstView(servers[from]);
    promoteAfterMs = 0;
    await becomePrimary(to);
  }

  async function becomePrimary(name: MemberName): Promise<void> {
    await promote({ port: ports[name], superuser });
    forwarders.primary.setTarget(ports[name]);
    const gapMs = primaryLostAtMs === null ? null : performance.now() - primaryLostAtMs;
    primaryLostAtMs = null;
    log(`${name} is the primary now${gapMs === null ? '' : `, after ${(gapMs / 1000).toFixed(2)} s without one`}`);
  }

  function goAlone(): void {
    // recorded first: a primary that no longer waits must not be replaced by a replica that may lack a write
    save({ synchronous: null });
    synchrony.set(state.primary, null);
    log('replica unavailable: the primary continues without it, new writes are on one server only');
  }

  function buildAnew(name: MemberName): void {
    const { primary } = state;
    if (!state.stale.includes(name)) save({ stale: [name] });
    log(`building replica ${name} from ${primary}`);
    rebuild.begin(name, primary);
  }

  /** Observes and acts until nothing is left to do, so that a failover takes no tick between its steps. */
  async function round(): Promise<number> {
    for (;;) {
      const observation = rounds.begin();
      const seen = await observe();
      route();
      rounds.made(observation);
      const action = rounds.isStopping() ? null : decide(seen);
      if (action === null || action.do === 'nothing') {
        const { pg1, pg2 } = seen.members;
        const busy =
          synchrony.waitsFor() !== state.synchronous || [pg1, pg2].some((member) => member.phase === 'starting');
        return busy ? BUSY_TICK_MS : TICK_MS;
      }
      await act(action);
    }
  }

  const rounds = startRounds(round, (message) => log(`${message}; retrying`));

  const explain = (what: string) => (why: string) => {
    const held = (name: MemberName) => (members[name].held ? ', held down by a fault until startStopped()' : '');
    const each = MEMBER_NAMES.map((name) => `${name} ${phase(name)}${held(name)}`).join('; ');
    const roles = `primary ${state.primary}, synchronous ${state.synchronous ?? 'none'}`;
    return new EmbeddedFailure('not-settled', `the pair: ${why} ${what} (${each}; ${roles})`);
  };

  return {
    state: () => state,
    reports: () => ({ pg1: observers.pg1.known(), pg2: observers.pg2.known() }),
    phases: () => ({ pg1: phase('pg1'), pg2: phase('pg2') }),

    exited(name, asked) {
      observers[name].forget();
      route();
      const { hasRun, held } = members[name];
      if (name === state.primary && hasRun) {
        primaryLostAtMs ??= performance.now();
        promoteAtMs = performance.now() + promoteAfterMs;
      }
      if (!asked && !held && hasRun && !rounds.isStopping()) log(`${name} exited unexpectedly`);
      rounds.wake();
    },

    hold(name) {
      members[name].held = true;
    },

    release() {
      for (const name of MEMBER_NAMES) {
        members[name].held = false;
        members[name].retryAtMs = 0;
      }
      rounds.wake();
    },

    promoteAfter(ms) {
      promoteAfterMs = ms;
    },

    settled: (deadlineMs) => rounds.until(isSettled, deadlineMs, explain('settled')),
    writable: (deadlineMs) => rounds.until(isWritable, deadlineMs, explain('writable')),

    async stop() {
      const building = rebuild.stop();
      await rounds.stop();
      await building;
      // one that the last round had begun
      await rebuild.stop();
      await Promise.all(MEMBER_NAMES.map((name) => observers[name].close()));
    },
  };
}

/** What is remembered of a member between two observations. */
function firstView(server: Server): Pick<MemberView, 'held' | 'hasRun' | 'failures' | 'retryAtMs'> {
  return { held: false, hasRun: server.phase() === 'running', failures: 0, retryAtMs: 0 };
}
