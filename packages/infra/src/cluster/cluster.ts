/** What a machine is for. A standby is a PostgreSQL machine of the second region. */
export type Role = 'etcd' | 'postgres' | 'standby' | 'api' | 'monitoring' | 'bastion';

/** One machine: where it stands and what it is called. Its content is rendered by `renderMachine`. */
export interface Node {
  /** Unique over both regions: Patroni's synchronous standby names must never match a member of the other region. */
  name: string;
  role: Role;
  /** `name.zone`; certificates carry it and clients verify it. */
  hostname: string;
  /** Fixed private IPv4 address. */
  address: string;
  zoneIndex: 0 | 1 | 2;
  instanceType: string;
}

/** The subnets of one availability zone. */
export interface Subnets {
  zoneIndex: 0 | 1 | 2;
  publicCidr: string;
  privateCidr: string;
}

/** One AWS region of the cluster. */
export interface Region {
  kind: 'primary' | 'dr';
  awsRegion: string;
  /** The letters of its availability zones, by zone index. */
  zones: readonly [string, string, string];
  cidr: string;
  subnets: readonly Subnets[];
  nodes: readonly Node[];
  loadBalancer: { hostname: string; addresses: readonly string[] };
}

/**
 * `zero-loss`: a commit is acknowledged only when another machine has it, whatever that costs in availability.
 * `available`: the same while a standby is there; a surviving node goes on alone.
 */
export type Durability = 'zero-loss' | 'available';

/** Patroni's clockwork, in seconds and bytes; the rule that binds them is `loopWait + 2 * retryTimeout <= ttl`. */
export interface PatroniTiming {
  ttlSeconds: number;
  loopWaitSeconds: number;
  retryTimeoutSeconds: number;
  primaryStartTimeoutSeconds: number;
  maximumLagOnFailoverBytes: number;
}

export type Weekday = 'Mon' | 'Tue' | 'Wed' | 'Thu' | 'Fri' | 'Sat' | 'Sun';

/** When backups run (UTC) and how long they are kept. */
export interface BackupPlan {
  /** The weekday of the full backup; the other days take a differential one. */
  fullOn: Weekday;
  /** `HH:MM`, UTC. */
  atUtc: string;
  incrementalEveryHours: number;
  /** Any second of this many days can be restored. */
  restoreWindowDays: number;
  /** Full backups older than this expire, as long as one at least this old remains. */
  retentionDays: number;
}

export interface Volumes {
  rootGib: number;
  /** PostgreSQL's data and WAL; must hold a day of WAL while a repository is away. */
  dataGib: number;
  monitoringGib: number;
}

/** How machines without a public address reach package mirrors and AWS's own services. */
export type Egress = 'bastion' | 'nat-gateway';

/** Where Terraform keeps what it knows: a bucket of each region, or files beside the checkout. */
export type StateStore = 's3' | 'local';

/** The whole system as one value: everything else is rendered from it. Made by `defineCluster` only. */
export interface Cluster {
  project: string;
  environment: string;
  /** The private DNS zone, for example `prod.pgha.internal`. */
  zone: string;
  /** Patroni's scope and pgBackRest's stanza. */
  scope: string;
  /** The application's database. */
  database: string;
  durability: Durability;
  primary: Region;
  dr: Region | null;
  patroni: PatroniTiming;
  backups: BackupPlan;
  volumes: Volumes;
  alertEmail: string | null;
  /** Without a slash at its end; null: alerts link to paths of the checkout. */
  documentationUrl: string | null;
  monitoring: boolean;
  awsProfile: string;
  keyPair: string | null;
  /** Who may reach the bastion, the monitoring pages and (unless `apiCidrs` says more) the API. */
  adminCidrs: readonly string[];
  /** Who may reach both HTTP APIs. */
  apiCidrs: readonly string[];
  egress: Egress;
  /** Whether the network's accepted and refused connections are logged for 30 days. */
  flowLogs: boolean;
  /** Whether every role has the permissions boundary that an administrator made: `pgha policies`. */
  permissionsBoundary: boolean;
  /** For how many days nobody may delete what was written to a backup bucket; null: no object lock. */
  objectLockDays: number | null;
  state: StateStore;
}
