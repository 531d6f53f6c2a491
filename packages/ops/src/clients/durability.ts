import { durabilityProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';

/** Where an override stands; see `pgha-durability`. */
type OverrideLevel =
  | 'system'
  | 'file'
  | 'server'
  | 'database'
  | 'role'
  | 'role-in-database'
  | 'all-roles'
  | 'pooler'
  | 'patroni';

/** A setting that acknowledged commits rest on, and what undoes it. */
export interface DurabilityOverride {
  setting: string;
  /** As it was written; of a pooler, which of its settings does not pin. */
  value: string;
  level: OverrideLevel;
  database: string | null;
  role: string | null;
  /** In which file of the member, and in which line. */
  file: string | null;
  line: number | null;
  /** Whether the server has taken it into force; null where that is not known. */
  applied: boolean | null;
}

export interface DurabilityObservation {
  overrides: readonly DurabilityOverride[];
}

/** Above what the program waits for each of the three it asks. */
const timeoutMs = 30_000;

/** What a member's own program finds; null on a machine that does not have it yet. */
export async function readOverrides(host: Host): Promise<readonly DurabilityOverride[] | null> {
  const { exitCode } = await host.run(['test', '-x', durabilityProgram]);
  if (exitCode !== 0) return null;
  const told = await runChecked(host, [durabilityProgram, 'show'], { timeoutMs });
  return (JSON.parse(told) as DurabilityObservation).overrides;
}

/** Removes settings from the server's files and reloads it. */
export async function takeBack(host: Host, settings: readonly string[]): Promise<void> {
  await runChecked(host, [durabilityProgram, 'take-back', ...settings], { timeoutMs });
}
