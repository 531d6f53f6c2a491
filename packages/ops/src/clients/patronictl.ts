import { formatLsn } from '@pgha/db';
import { patroniConfigDirectory } from '@pgha/infra/machines';
import { type Host, type RunOptions, runChecked } from '../hosts/host.ts';

/** What a member is, in Patroni's own words of its REST API. */
type MemberRole = 'leader' | 'standby_leader' | 'sync_standby' | 'quorum_standby' | 'replica';

/** A member as `patronictl list` tells it on any of the members. */
export interface ListedMember {
  name: string;
  role: MemberRole;
  isLeader: boolean;
  /** The leader runs, everybody else streams. */
  isWell: boolean;
  state: string;
  timeline: number | null;
  /** Whole MiB behind the leader; null where Patroni does not know. */
  lagMib: number | null;
}

/** Above what patronictl itself waits for an etcd that does not answer. */
const listTimeoutMs = 30_000;

/** Asks on a member's own machine, which works wherever the machine is reachable: Patroni itself need not run. */
export async function listMembers(host: Host): Promise<readonly ListedMember[]> {
  const list = await patronictl(host, ['list', '--format', 'json'], { timeoutMs: listTimeoutMs });
  return (JSON.parse(list) as readonly RawMember[]).map(toMember);
}

/**
 * Merges settings into what Patroni keeps for all members of a region; keys that are not named stay.
 *
 * @param settings what `patronictl edit-config` takes; null removes a key.
 */
export async function mergeDynamicConfig(host: Host, settings: Readonly<Record<string, unknown>>): Promise<void> {
  await patronictl(host, ['edit-config', '--apply', '-', '--force', '--quiet'], { input: JSON.stringify(settings) });
}

/** Hands the leadership over to a member that follows. Returns once it has it. */
export async function switchOver(host: Host, scope: string, leader: string, candidate: string): Promise<void> {
  const who = ['--leader', leader, '--candidate', candidate];
  await patronictl(host, ['switchover', scope, ...who, '--force'], { timeoutMs: 120_000 });
}

/** Promotes a member where there is no leader, whatever it may lack: who calls this has decided. Returns once it leads. */
export async function failOver(host: Host, scope: string, candidate: string): Promise<void> {
  await patronictl(host, ['failover', scope, '--candidate', candidate, '--force'], { timeoutMs: 120_000 });
}

/** Restarts a member's server and waits until it is back. */
export async function restartMember(host: Host, scope: string, name: string): Promise<void> {
  await patronictl(host, ['restart', scope, name, '--force'], { timeoutMs: 300_000 });
}

/** A terabyte over a small machine's network. */
const reinitTimeoutMs = 12 * 3_600_000;

/** Throws a member's data away, reinitializes it and waits until that is done. */
export async function reinitMember(host: Host, scope: string, name: string): Promise<void> {
  await patronictl(host, ['reinit', scope, name, '--force', '--wait'], { timeoutMs: reinitTimeoutMs });
}

/** Where the cluster left each of its earlier timelines, oldest first. */
export async function readHistory(host: Host): Promise<readonly { timeline: number; endLsn: string }[]> {
  const lines = JSON.parse(await patronictl(host, ['history', '--format', 'json'])) as readonly RawHistoryLine[];
  return lines.map(({ TL, LSN }) => ({ timeline: TL, endLsn: formatLsn({ lsn: BigInt(LSN), timeline: null }) }));
}

async function patronictl(host: Host, argv: readonly string[], options?: RunOptions): Promise<string> {
  return runChecked(host, ['patronictl', '-c', patroniConfigDirectory, ...argv], options);
}

interface RawHistoryLine {
  TL: number;
  LSN: number;
}

interface RawMember {
  Member: string;
  Role: string;
  State: string;
  TL?: number | '';
  'Lag in MB'?: number | 'unknown' | '';
}

function toMember({ Member: name, Role, State: state, TL: timeline, 'Lag in MB': lag }: RawMember): ListedMember {
  const role = Role.toLowerCase().replace(' ', '_') as MemberRole;
  return {
    name,
    role,
    isLeader: role === 'leader' || role === 'standby_leader',
    isWell: state === (role === 'leader' ? 'running' : 'streaming'),
    state,
    timeline: typeof timeline === 'number' ? timeline : null,
    lagMib: typeof lag === 'number' ? lag : null,
  };
}
