import { scratchProgram } from '@pgha/infra/machines';
import { type Parsed, parse, RoomAnswer } from '@pgha/protocol';
import { RefusedError } from '../exit-codes.ts';
import { type Host, runChecked } from '../hosts/host.ts';

/** What a scratch server is made from. */
export interface ScratchSpec {
  repository: number;
  /** The backup's label. */
  backup: string;
  type: 'time';
  /** As PostgreSQL's `recovery_target_time`. */
  target: string;
  /** `current`: the one that the backup was taken on. */
  timeline: number | 'current';
}

/** A server restored beside a member. */
export interface Scratch {
  name: string;
  /** `stopped`: the machine was rebooted. */
  phase: 'restoring' | 'recovering' | 'ready' | 'failed' | 'stopped';
  problem: string | null;
  /** Of the files, while it restores. */
  percent: number | null;
  /** The newest WAL segment that was fetched. */
  replayedUpTo: string | null;
  /** The last commit it has; as PostgreSQL logs it. */
  lastCommitAt: string | null;
  sizeBytes: number;
  createdAt: Date;
  spec: ScratchSpec;
  /** For psql on its machine, by the system user postgres: as a role that reads everything and can write nothing. */
  connection: string;
}

/** A data volume, in bytes. */
export type Room = Parsed<typeof RoomAnswer>;

/** Walking through a data directory to tell its size takes a moment. */
const timeoutMs = 120_000;

export async function readRoom(host: Host): Promise<Room> {
  const text = await runChecked(host, [scratchProgram, 'room']);
  return parse(RoomAnswer, text, { program: 'pgha-scratch room', host: host.name, release: null });
}

/** Starts one and returns; asking again for the same changes nothing. */
export async function createScratch(host: Host, name: string, spec: ScratchSpec): Promise<void> {
  await runChecked(host, [scratchProgram, 'create', name], { input: JSON.stringify(spec) });
}

export async function listScratches(host: Host): Promise<readonly Scratch[]> {
  const text = await runChecked(host, [scratchProgram, 'list'], { timeoutMs });
  const raw = JSON.parse(text) as readonly (Omit<Scratch, 'createdAt'> & { createdAt: number })[];
  return raw.map((each) => ({ ...each, createdAt: new Date(each.createdAt * 1_000) }));
}

export async function dropScratch(host: Host, name: string): Promise<void> {
  await runChecked(host, [scratchProgram, 'drop', name], { timeoutMs });
}

/** Which table, by its exact names, and what may be left out of it. */
export interface TableCopy {
  schema: string;
  table: string;
  /** The application's owner owns it, whoever did before. */
  noOwner: boolean;
  skipForeignKeys: boolean;
}

/** What a copy brought. */
export interface CopiedTable {
  table: string;
  /** Of the table with its partitions and inheritance children, counted in the primary. */
  rows: number;
  /** Of each table that has rows of its own. */
  tables: readonly { table: string; rows: number }[];
  /** What did not come with it, a sentence each. */
  notes: readonly string[];
}

/**
 * Writes a table of a scratch server into the primary of the machine's region.
 *
 * @throws when it cannot come whole, or the primary has something of its name; then nothing was changed.
 */
export async function copyTable(host: Host, name: string, wanted: TableCopy): Promise<CopiedTable> {
  const command = [scratchProgram, 'copy', name];
  try {
    const text = await runChecked(host, command, { input: JSON.stringify(wanted), timeoutMs: 6 * 3_600_000 });
    return JSON.parse(text) as CopiedTable;
  } catch (error) {
    // its usage: the program of an older release, whose copy counts nothing where it arrives
    if (!(error instanceof Error && error.message.includes('copy NAME TABLE'))) throw error;
    throw new RefusedError(`${host.name} runs the programs of an older release. Run "pgha apply" first`);
  }
}
