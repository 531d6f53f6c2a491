import { observeProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';
import type { DurabilityObservation } from './durability.ts';
import type { RegionKnowledge } from './region.ts';

/** What stood in the way of telling a part. */
export interface Untold {
  error: string;
}

export type Told<T> = T | Untold;

/** A machine as it sees itself (`pgha-observe`); sizes in bytes, moments in RFC 3339. */
export interface Observation {
  machine: string;
  at: string;
  needsReboot: boolean;
  disks: Told<readonly DiskSeen[]>;
  memory: Told<{ totalBytes: number; availableBytes: number }>;
  certificates: Told<readonly { path: string; notAfter: string }[]>;
  /** Units that should run and do not, and others that failed. */
  units: Told<{ down: readonly string[]; failed: readonly string[] }>;
  /** On database machines. */
  patroni?: Told<{ patroni: PatroniSelf; cluster: Told<{ members: readonly RawMember[] }> }>;
  database?: Told<DatabaseObservation>;
  pooler?: Told<PoolerObservation>;
  /** Which members the router sends to, by what they are for. */
  router?: Told<{ primary?: readonly string[]; replica?: readonly string[] }>;
  /** On database machines: what the archive leaves, or left, out; moments in RFC 3339. */
  archive?: Told<
    readonly { repository: number; state: 'detached' | 'returning' | 'closed'; from: string; to: string | null }[]
  >;
  /** On database machines: how the restore tests ended that ran there. */
  restoreTests?: Told<{
    /** When a machine without a result began to wait for one. */
    expectedSince: string | null;
    /** One may be there twice. */
    results: readonly RestoreTestSeen[];
  }>;
  /** On database machines: what undoes a setting that acknowledged commits rest on. */
  durability?: Told<DurabilityObservation>;
  /** On database machines: what holds vacuum, replay or a slot back; absent where the machine's programs are older. */
  holders?: Told<HoldersObservation>;
  /** On database machines: the error that ends replay again and again. */
  replay?: Told<{ failure: ReplayFailure | null }>;
  /** On database machines: what the program that hands a full primary over saw last; older programs have none. */
  space?: Told<{ at: number; used: number | null; reason: string }>;
  /** On etcd machines: the whole region's, as this member sees it. */
  etcd?: Told<{
    members: readonly {
      endpoint: string;
      /** Absent: the machine has an older program. */
      id?: string;
      isLeader: boolean;
      databaseBytes: number;
      errors: readonly string[];
    }[];
    /** An older program cuts the lines of `alarm list` at white space. */
    alarms: readonly (EtcdAlarm | string)[];
  }>;
  /** On database machines: the figures of the alerts about PostgreSQL's own health; older programs have none. */
  health?: Told<readonly HealthFigure[]>;
  /** On database machines: which ports of the region's other members take a connection from here. */
  reach?: Told<readonly { member: string; port: number; reached: boolean }[]>;
  /** On the monitoring machine. */
  watching?: Told<WatchingObservation>;
  /** On API servers. */
  api?: Told<{ release: string | null; ready: Readonly<Record<string, string>>; region: string | null }>;
  /** On API servers: what was deleted from each repository; none before the first check, absent where programs are older. */
  deletions?: Told<readonly DeletionsSeen[]>;
  /** On database machines of a cluster with two regions. */
  region?: Told<RegionKnowledge>;
}

/** A file system that may fill. */
export interface DiskSeen {
  mount: string;
  sizeBytes: number;
  freeBytes: number;
  /** Inodes; older programs do not tell them. */
  files?: number;
  freeFiles?: number;
}

/** What Patroni says of its own member (Patroni 4.0, `GET /patroni`). */
export interface PatroniSelf {
  state: string;
  /** `primary`, `replica`, `standby_leader`; nothing else counts as a primary. */
  role: string;
  timeline?: number;
  /** `streaming` or `in archive recovery` on a replica. */
  replication_state?: string;
  pause?: boolean;
  pending_restart?: boolean;
  /** etcd cannot be used from here, and every other member agreed that this one stays what it is. */
  failsafe_mode_is_active?: boolean;
}

/** A figure with its labels in Prometheus' notation, `datname="pgha"`. */
export interface HealthFigure {
  name: string;
  labels: string;
  value: number;
}

/** Whether the monitoring machine watches. */
export interface WatchingObservation {
  /** How old the newest answer of any target is; null: none has answered. */
  scrapeAgeSeconds: number | null | Untold;
  /** Alertmanager's word for itself. */
  alertmanager: string | Untold;
  firing: Told<readonly FiringAlert[]>;
  /** null: alerts go nowhere but to the pages. */
  subscriptions: { confirmed: number; pending: number } | null | Untold;
}

/** An alert that fires, in the words of its rule. */
export interface FiringAlert {
  name: string;
  severity: string;
  summary: string;
  since: string;
}

/** An alarm that an etcd member raised: `NOSPACE` or `CORRUPT`; the member by its number. */
interface EtcdAlarm {
  member: string;
  alarm: string;
}

export interface RawMember {
  name: string;
  role: string;
  state: string;
  timeline?: number;
  lag?: number | 'unknown';
}

export interface DatabaseObservation {
  inRecovery: boolean;
  /** Written on a primary, received on a standby. */
  lsn: string | null;
  replayLsn: string | null;
  timeline: number;
  replayedAt: string | null;
  receiver: { status: string; from: string } | null;
  connections: number;
  maxConnections: number;
  /** Of them: those that ordinary logins cannot have. Older programs do not tell it. */
  reservedConnections?: number;
  synchronousStandbyNames: string;
  senders: readonly { name: string; state: string; syncState: string; lagBytes: number | null }[];
  slots: readonly { name: string; active: boolean; walStatus: string | null; keptBytes: number | null }[];
  archiver: { lastArchivedWal: string | null; lastArchivedAt: string | null; lastFailedAt: string | null };
  /** Segments that wait for the archive, and what all of pg_wal takes. */
  walWaiting: number;
  walBytes: number;
}

/** Ages in seconds and in transactions. */
export interface HoldersObservation {
  inRecovery: boolean;
  /** The oldest five, those with more subtransactions than a snapshot holds first. */
  transactions: readonly TransactionSeen[];
  prepared: readonly { name: string; owner: string; database: string; seconds: number; xidAge: number }[];
  slots: readonly {
    name: string;
    type: 'physical' | 'logical';
    active: boolean;
    walStatus: string | null;
    inactiveSeconds: number | null;
    /** Of the horizon it holds; null: none. */
    xidAge: number | null;
  }[];
  /** What the process that replays waits for; null on a primary. */
  startup: { waitEventType: string | null; waitEvent: string | null; blockedBy: readonly number[] } | null;
  replayPause: 'not paused' | 'pause requested' | 'paused' | null;
}

export interface TransactionSeen {
  pid: number;
  user: string | null;
  application: string;
  client: string | null;
  database: string | null;
  backendType: string;
  state: string | null;
  seconds: number | null;
  xidAge: number;
  subtransactions: number | null;
  overflowed: boolean;
  /** Its last one, cut; null where it names a password. */
  statement: string | null;
}

/** As PostgreSQL's log has it. */
export interface ReplayFailure {
  message: string;
  hint: string | null;
  context: string;
}

/** All pools of the database together. */
export interface PoolerObservation {
  paused: boolean;
  /** Those that have a server or need none now, and those that wait for one. */
  clients: number;
  waiting: number;
  /** How long the first of those that wait has waited. */
  maxWaitSeconds: number;
  servers: number;
  /** At most as many server connections; 0 is no limit. Older programs do not tell it. */
  maxServers?: number | null;
}

/** How a restore test of a repository ended, and when any of its machine last succeeded. */
export interface RestoreTestSeen {
  repository: number;
  /** The backup's label. */
  backup: string;
  endedAt: string;
  ok: boolean;
  problem: string | null;
  succeededAt: string | null;
}

/** What was deleted from a repository although backups need it. */
export interface DeletionsSeen {
  repository: number;
  bucket: string;
  region: string;
  /** Delete markers in force, and manifests that are missing without one. */
  deleted: number;
  /** The key of the object that was deleted first, and when; null: it is missing without a delete marker. */
  first: string | null;
  firstAt: string | null;
  /** Prefixes of the backups, and of the archive, that lack something. */
  below: readonly string[];
  /** Since when there should be a check, when the last one ended, and what stood in the way of a later one. */
  expectedSince: string;
  checkedAt: string | null;
  problem: string | null;
}

/** Above the program's own deadline a part, and the way to the machine. */
const timeoutMs = 30_000;

/** Asks a machine about itself. */
export async function observe(host: Host): Promise<Observation> {
  return JSON.parse(await runChecked(host, [observeProgram], { timeoutMs })) as Observation;
}

/** The part, or null when it was not told. */
export function toldOf<T>(part: Told<T> | undefined): T | null {
  return part === undefined || isUntold(part) ? null : part;
}

export const isUntold = (part: unknown): part is Untold =>
  typeof part === 'object' && part !== null && 'error' in part && !Array.isArray(part);
