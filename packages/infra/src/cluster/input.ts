import type { BackupPlan, Durability, Egress, PatroniTiming, Role, StateStore, Volumes } from './cluster.ts';
import { usualZones } from './zones.ts';

/** One region as a user writes it. */
export interface RegionInput {
  awsRegion?: string;
  /** The letters of three availability zones, where the account's a, b and c do not offer what is wanted. They cannot be changed later. */
  zones?: readonly [string, string, string];
  /** A private range of /16 to /20; every subnet is a /24 of it. */
  cidr?: string;
  /** How many PostgreSQL machines: 2 or 3 in the primary region, 1 to 3 in the second. */
  postgres?: number;
  /** How many etcd machines: 3 or 5 in the primary region, 1, 3 or 5 in the second. */
  etcd?: number;
  /** Put before every machine's name. Must differ between the regions. */
  namePrefix?: string;
  /** Whether an API server stands in this region: always in the primary one, on demand in the second. */
  apiServer?: boolean;
}

/** What `pgha.config.ts` says; everything has a default. */
export interface ClusterInput {
  project?: string;
  environment?: string;
  /** `zero-loss` or `available`; by default what the number of PostgreSQL machines allows without surprises. */
  durability?: Durability;
  primary?: RegionInput;
  /** null: no second region. */
  dr?: RegionInput | null;
  instanceTypes?: Partial<Record<Role, string>>;
  volumes?: Partial<Volumes>;
  patroni?: Partial<PatroniTiming>;
  backups?: Partial<BackupPlan>;
  alertEmail?: string | null;
  /** Where the folder `docs` of this repository is published: what alerts link to. null: paths of the checkout. */
  documentationUrl?: string | null;
  /** Whether there is a monitoring machine. */
  monitoring?: boolean;
  awsProfile?: string;
  /** The name of an EC2 key pair, or null: Session Manager only. */
  keyPair?: string | null;
  adminCidrs?: readonly string[];
  /** Default: `adminCidrs`. `['0.0.0.0/0']` opens both APIs to everybody. */
  apiCidrs?: readonly string[];
  /** `bastion`: it translates addresses, for nothing more. `nat-gateway`: AWS does, and bills it. */
  egress?: Egress;
  flowLogs?: boolean;
  /**
   * Whether every role gets the permissions boundary of `pgha policies`, which an administrator makes before the first deploy. The
   * deploy policies demand it: who may make roles without a bound is an administrator. `false` as long as it is not there.
   */
  permissionsBoundary?: boolean;
  /**
   * S3 object lock (governance mode) of the backup buckets, in days; default: the restore window; null: none. A bucket that has
   * it once keeps it: null only ends it for what is written from then on.
   */
  objectLockDays?: number | null;
  /** `s3`, made by `pgha bootstrap`, unless you keep the state yourself. */
  state?: StateStore;
}

/** `ClusterInput` with every default filled in. */
export interface CompleteInput extends Required<ClusterInput> {
  primary: Required<RegionInput>;
  dr: Required<RegionInput> | null;
  instanceTypes: Record<Role, string>;
  volumes: Volumes;
  patroni: PatroniTiming;
  backups: BackupPlan;
}

const defaultRestoreWindowDays = 7;

/** Fills in the defaults; checks nothing. */
export function withDefaults(input: ClusterInput): CompleteInput {
  const postgres = input.primary?.postgres ?? 2;
  const standbys = input.dr?.postgres ?? 1;
  return {
    project: 'pgha',
    environment: 'prod',
    // Two machines that must both confirm stop writing when one of them is away; three can lose any one of them.
    durability: postgres >= 3 ? 'zero-loss' : 'available',
    alertEmail: null,
    documentationUrl: null,
    monitoring: true,
    awsProfile: 'postgresql-ha-profile',
    keyPair: null,
    adminCidrs: [],
    apiCidrs: input.adminCidrs ?? [],
    egress: 'bastion',
    flowLogs: false,
    permissionsBoundary: true,
    objectLockDays: input.backups?.restoreWindowDays ?? defaultRestoreWindowDays,
    state: 's3',
    ...input,
    primary: {
      awsRegion: 'us-east-1',
      zones: usualZones(input.primary?.awsRegion ?? 'us-east-1'),
      cidr: '10.42.0.0/16',
      postgres,
      etcd: 3,
      namePrefix: '',
      apiServer: true,
      ...input.primary,
    },
    dr:
      input.dr === null
        ? null
        : {
            awsRegion: 'us-west-2',
            zones: usualZones(input.dr?.awsRegion ?? 'us-west-2'),
            cidr: '10.43.0.0/16',
            postgres: standbys,
            // One machine has nobody to fail over to: an etcd quorum would guard nothing.
            etcd: standbys >= 2 ? 3 : 1,
            namePrefix: 'dr-',
            apiServer: false,
            ...input.dr,
          },
    instanceTypes: {
      etcd: 't3.micro',
      postgres: 't3.micro',
      standby: input.instanceTypes?.postgres ?? 't3.micro',
      api: 't3.micro',
      monitoring: 't3.micro',
      bastion: 't3.micro',
      ...input.instanceTypes,
    },
    volumes: { rootGib: 8, dataGib: 20, monitoringGib: 10, ...input.volumes },
    patroni: {
      // The shortest lease Patroni accepts; 2 + 2 * 6 leaves 6 s of it for a slow etcd.
      ttlSeconds: 20,
      loopWaitSeconds: 2,
      retryTimeoutSeconds: 6,
      // 0: fail over at once instead of waiting for a crashed primary to recover.
      primaryStartTimeoutSeconds: 0,
      // Patroni's 1 MiB can block every candidate after a bulk load; synchronous mode is what protects the data.
      maximumLagOnFailoverBytes: 1024 * MIB,
      ...input.patroni,
    },
    backups: {
      fullOn: 'Sun',
      atUtc: '02:00',
      incrementalEveryHours: 4,
      restoreWindowDays: defaultRestoreWindowDays,
      retentionDays: 14,
      ...input.backups,
    },
  };
}

const MIB = 1024 ** 2;
