import type { Action, decide, MemberView } from './decision.ts';
import { MEMBER_NAMES, type MemberName, otherMember, type PairState } from './state.ts';

/** What can happen to a pair, one thing at a time; 'supervise' is one observation and the one step decided on it. */
export const FAULTS = [
  'write',
  'write',
  'stream',
  'stream',
  'supervise',
  'supervise',
  'supervise',
  'supervise',
  'kill pg1',
  'kill pg2',
  'hold pg1',
  'hold pg2',
  'release',
  'crash',
  'crash between record and act',
  'disconnect',
  'lose the slot',
] as const;
type Fault = (typeof FAULTS)[number];

interface ModelMember {
  /** Writes on its disk, in order. */
  wal: number[];
  running: boolean;
  standby: boolean;
  waitsFor: MemberName | null;
  held: boolean;
  hasRun: boolean;
}

export interface Model {
  apply(fault: Fault): void;
  /** Lets everything work again and supervises until the pair is settled. */
  heal(): 'settled' | 'stuck';
  violations(): string[];
}

/**
 * Two servers and their supervisor as plain data: what a commit waits for, what is on which disk, what survives a crash.
 * Every step the supervisor takes is split where a power cut could fall: recorded, and then done.
 */
export function createModel(decideNext: typeof decide): Model {
  const member = (standby: boolean): ModelMember => ({
    wal: [],
    running: true,
    standby,
    waitsFor: null,
    held: false,
    hasRun: true,
  });
  const members = { pg1: member(false), pg2: member(true) };
  const acknowledged = new Set<number>();
  let state: PairState = { version: 1, phase: 'ready', primary: 'pg1', synchronous: null, stale: [] };
  let waiting: number[] = [];
  let waitsFor: MemberName | null = null;
  let waitsSince: bigint | null = null;
  let nowMs = 0;
  let streamSeenMs = 0;
  let connected = true;
  let slotLost = false;
  let nextWrite = 1;
  const broken: string[] = [];

  const isWritable = (name: MemberName) => members[name].running && !members[name].standby;

  const streams = () => {
    const replica = otherMember(state.primary);
    const { wal } = members[state.primary];
    // a diverged replica cannot follow: its history is not the beginning of the primary's
    const isPrefix = members[replica].wal.every((write, index) => wal[index] === write);
    return (
      connected &&
      !slotLost &&
      isWritable(state.primary) &&
      members[replica].running &&
      members[replica].standby &&
      isPrefix
    );
  };

  const acknowledge = () => {
    for (const write of waiting) acknowledged.add(write);
    waiting = [];
  };

  const kill = (name: MemberName) => {
    members[name].running = false;
    if (name === state.primary) waiting = []; // their clients never hear of them
  };

  const view = (name: MemberName): MemberView => {
    const { running, standby, held, hasRun } = members[name];
    const phase = running ? 'running' : 'stopped';
    return { phase, answers: running, inRecovery: running ? standby : null, held, hasRun, failures: 0, retryAtMs: 0 };
  };

  const observe = () => {
    nowMs += 1_000;
    const streaming = streams();
    if (streaming || !isWritable(state.primary)) streamSeenMs = nowMs;
    const flushedTo = BigInt(members[otherMember(state.primary)].wal.length);
    return {
      nowMs,
      state,
      members: { pg1: view('pg1'), pg2: view('pg2') },
      waitsFor,
      waitsSince,
      stream: streaming ? { streaming, flushedTo } : null,
      streamMissingMs: nowMs - streamSeenMs,
      slotLost,
      automaticFailover: true,
      promoteAtMs: 0,
    };
  };

  const setWaitsFor = (name: MemberName | null) => {
    waitsFor = name;
    members[state.primary].waitsFor = name;
    waitsSince = name === null ? null : BigInt(members[state.primary].wal.length);
    if (name === null) acknowledge(); // PostgreSQL lets waiting commits go
  };

  const supervise = (isCutShort: boolean) => {
    const action = decideNext(observe());
    const { record, act } = plan(action);
    if (record !== null) state = record;
    if (!isCutShort) act();
  };

  function plan(action: Action): { record: PairState | null; act: () => void } {
    switch (action.do) {
      case 'nothing':
        return { record: null, act: () => {} };
      case 'start':
        return { record: null, act: () => start(action.member) };
      case 'fail-over':
        return {
          record: { ...state, primary: action.to, synchronous: null, stale: [action.from] },
          act: () => {
            waitsFor = null;
            waitsSince = null;
            Object.assign(members[action.from], { held: false, hasRun: false });
            members[action.to].standby = false;
          },
        };
      case 'promote':
        return {
          record: null,
          act: () => {
            members[action.member].standby = false;
          },
        };
      case 'go-alone':
        return { record: { ...state, synchronous: null }, act: () => setWaitsFor(null) };
      case 'wait-for-replica':
        return { record: null, act: () => setWaitsFor(action.replica) };
      case 'record-synchronous':
        return { record: { ...state, synchronous: action.replica }, act: () => {} };
      case 'rebuild':
        return { record: { ...state, stale: [action.member] }, act: () => rebuild(action.member) };
    }
  }

  function start(name: MemberName): void {
    if (state.stale.includes(name)) broken.push(`${name} was started although its files are stale`);
    if (name === state.primary) setWaitsFor(state.synchronous);
    else members[name].waitsFor = null;
    Object.assign(members[name], { running: true, hasRun: true, held: false });
  }

  function rebuild(name: MemberName): void {
    members[name] = { ...member(true), wal: [...members[state.primary].wal], running: false, hasRun: false };
    slotLost = false;
    state = { ...state, stale: [] };
  }

  /** The supervisor's process ends: the guard stops the servers, and the next run knows only what was recorded. */
  function crash(): void {
    for (const name of MEMBER_NAMES) {
      kill(name);
      Object.assign(members[name], { hasRun: false, held: false });
    }
    waitsFor = state.synchronous;
    waitsSince = null;
  }

  function write(): void {
    for (const name of MEMBER_NAMES.filter(isWritable)) {
      const id = nextWrite++;
      members[name].wal.push(id);
      if (members[name].waitsFor === null) acknowledged.add(id);
      else waiting.push(id);
    }
  }

  function stream(): void {
    if (!streams()) return;
    const replica = otherMember(state.primary);
    members[replica].wal = [...members[state.primary].wal];
    if (members[state.primary].waitsFor === replica) acknowledge();
  }

  return {
    apply(fault) {
      if (fault === 'write') write();
      else if (fault === 'stream') stream();
      else if (fault === 'supervise') supervise(false);
      else if (fault === 'crash') crash();
      else if (fault === 'crash between record and act') {
        supervise(true);
        crash();
      } else if (fault === 'kill pg1' || fault === 'hold pg1') fell('pg1', fault);
      else if (fault === 'kill pg2' || fault === 'hold pg2') fell('pg2', fault);
      else if (fault === 'release') for (const name of MEMBER_NAMES) members[name].held = false;
      else if (fault === 'disconnect') connected = !connected;
      else slotLost = true;
    },

    heal() {
      connected = true;
      for (const name of MEMBER_NAMES) members[name].held = false;
      for (let round = 0; round < 40; round += 1) {
        supervise(false);
        write();
        stream();
        if (streams() && state.synchronous === otherMember(state.primary)) return 'settled';
      }
      return 'stuck';
    },

    violations() {
      const writers = MEMBER_NAMES.filter(isWritable);
      const lost = writers.flatMap((name) => [...acknowledged].filter((id) => !members[name].wal.includes(id)));
      return [
        ...broken,
        ...(writers.length > 1 ? ['two members write'] : []),
        ...lost.map((id) => `acknowledged write ${id} is lost`),
      ];
    },
  };

  function fell(name: MemberName, fault: Fault): void {
    kill(name);
    if (fault.startsWith('hold')) members[name].held = true;
  }
}
