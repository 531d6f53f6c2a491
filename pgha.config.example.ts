import { defineCluster } from './packages/infra/src/cluster/index.ts';

/**
 * Your cluster. Copy this file to pgha.config.ts and edit the copy. A setting that you leave out has the default shown, or the one
 * that its comment names. Nodes, Terraform stacks, alerts, dashboards and costs all derive from this value. The lab has a
 * configuration of its own, made from the options of `pgha lab up`.
 */
export default defineCluster({
  project: 'pgha',
  environment: 'prod',

  // 'available' (default with 2 nodes): a surviving node continues alone, and a second failure then can lose data.
  // 'zero-loss' (default with 3 nodes): writes block rather than lose an acknowledged commit
  durability: 'available',

  // postgres: number of PostgreSQL nodes, 2 or 3
  primary: { awsRegion: 'us-east-1', cidr: '10.42.0.0/16', postgres: 2, etcd: 3 },
  // the DR region; null: none. Use etcd: 3 with two or more standbys
  dr: { awsRegion: 'us-west-2', cidr: '10.43.0.0/16', postgres: 1, etcd: 1 },

  instanceTypes: {
    etcd: 't3.micro',
    postgres: 't3.micro',
    // default: the type of postgres
    standby: 't3.micro',
    api: 't3.micro',
    monitoring: 't3.micro',
    bastion: 't3.micro',
  },
  volumes: { rootGib: 8, dataGib: 20, monitoringGib: 10 },

  backups: {
    fullOn: 'Sun',
    atUtc: '02:00',
    incrementalEveryHours: 4,
    // point-in-time recovery reaches back this many days
    restoreWindowDays: 7,
    // full backups older than this expire
    retentionDays: 14,
  },

  monitoring: true,
  // e-mail address that is notified of alerts; null: no e-mail
  alertEmail: null,
  // where the folder docs is published, for the links in alerts, for example
  // 'https://github.com/OWNER/REPOSITORY/blob/main/docs'; null: paths of the checkout
  documentationUrl: null,

  // profile of ~/.aws/config
  awsProfile: 'postgresql-ha-profile',
  // name of an EC2 key pair; null: Session Manager only, no SSH
  keyPair: null,
  // addresses that may reach the bastion and the monitoring pages, for example ['203.0.113.7/32']
  adminCidrs: [],
  // addresses that may reach the two HTTP APIs (default: adminCidrs); ['0.0.0.0/0'] allows every address
  apiCidrs: [],

  // egress of nodes without a public address; 'nat-gateway' is the managed one, about 33 USD per month and region
  egress: 'bastion',
  // VPC flow logs, kept for 30 days
  flowLogs: false,
  // attach the permissions boundary of "pgha policies" to every role; an administrator creates it before the first deploy
  permissionsBoundary: true,
  // S3 object lock of the backup buckets, in days (default: restoreWindowDays): no backup can be deleted before; null: none.
  // It cannot be removed from a bucket that has it
  objectLockDays: 7,
  // Terraform state: 's3' is a bucket per region, created by "pgha bootstrap"; 'local' is .pgha/state in this checkout
  state: 's3',
});
