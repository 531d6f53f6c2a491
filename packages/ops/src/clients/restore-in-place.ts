import { restoreInPlaceProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';
import type { Room, ScratchSpec } from './scratch.ts';

/** Where a machine stands in a restore in place. */
export interface MemberState extends Room {
  /** `held`: Patroni does not start. `permitted`: once, to restore. `begun`: it did. null: as always. */
  gate: { id: string; phase: 'held' | 'permitted' | 'begun' } | null;
  /** systemd's word for Patroni: `active`, `inactive`, `failed`, `activating` … */
  patroni: string;
  isPostgresUp: boolean;
  /** Patroni's configuration still says how the restored cluster is made. */
  hasMethod: boolean;
  /** Directories outside of the data directory, which a restore in place cannot move aside. */
  tablespaces: readonly string[];
  /** Data directories of before a restore. */
  kept: readonly KeptDirectory[];
  /** How much of the files is restored. */
  percent: number | null;
  /** What pgBackRest said last. */
  lastLine: string | null;
  dataBytes: number;
}

interface KeptDirectory {
  id: string;
  sizeBytes: number;
  /** Seconds since 1970. */
  createdAt: number;
}

/** A shutdown writes a checkpoint and archives what is left. */
const stopTimeoutMs = 360_000;
const timeoutMs = 120_000;

/** The steps of a restore in place on one machine; each may be asked again. */
export interface MemberRestore {
  state(): Promise<MemberState>;
  hold(id: string): Promise<void>;
  stop(): Promise<void>;
  aside(id: string): Promise<void>;
  /** Returns once Patroni was told to start. */
  begin(id: string, spec: ScratchSpec): Promise<void>;
  release(id: string): Promise<void>;
  drop(id: string): Promise<void>;
}

export function memberRestore(host: Host): MemberRestore {
  const run = (verb: readonly string[], options: { timeoutMs: number; input?: string } = { timeoutMs }) =>
    runChecked(host, [restoreInPlaceProgram, ...verb], options);
  return {
    state: async () => JSON.parse(await run(['state'])) as MemberState,
    hold: async (id) => void (await run(['hold', id])),
    stop: async () => void (await run(['stop'], { timeoutMs: stopTimeoutMs })),
    aside: async (id) => void (await run(['aside', id])),
    begin: async (id, spec) =>
      void (await run(['begin', id], { timeoutMs: stopTimeoutMs, input: JSON.stringify(spec) })),
    release: async (id) => void (await run(['release', id])),
    drop: async (id) => void (await run(['drop', id], { timeoutMs: stopTimeoutMs })),
  };
}
