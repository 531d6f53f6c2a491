import { restoreTestProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';

/** How a restore test ended. Moments are seconds since 1970, sizes bytes. */
export interface RestoreTestResult {
  machine: string;
  repository: number;
  /** The backup's label. */
  backup: string;
  startedAt: number;
  endedAt: number;
  ok: boolean;
  problem: string | null;
  /** The position of the primary's log at which both sides were counted, and how far behind the backup it is. */
  lsn?: string;
  lsnDistanceBytes?: number;
  restoredBytes?: number;
  tables?: number;
  rows?: number;
  differences: readonly {
    table: string;
    /** null: there is no such table. */
    live: TableCount | null;
    restored: TableCount | null;
  }[];
  /** Tables, and other databases, that were left out, each with the reason; not told by older programs. */
  notCompared?: readonly { table: string; reason: string }[];
  /** How long each part took. */
  seconds?: { restore: number; replay: number; countLive: number; compare: number; total: number };
}

interface TableCount {
  rows: number;
  sum: string;
}

interface RestoreTestStatus {
  isRunning: boolean;
  progress: { phase: string } | null;
  result: RestoreTestResult | null;
  /** Why it did not even begin. */
  problem: string | null;
}

const unitOf = (repository: number) => `pgha-restore-test@${repository}.service`;

export async function readRestoreTest(host: Host, repository: number): Promise<RestoreTestStatus> {
  return JSON.parse(await runChecked(host, [restoreTestProgram, 'status', `${repository}`])) as RestoreTestStatus;
}

/** Returns once it was told to start. */
export async function startRestoreTest(host: Host, repository: number): Promise<void> {
  await runChecked(host, ['systemctl', 'start', '--no-block', unitOf(repository)]);
}
