import { defineCluster } from './packages/infra/src/cluster/index.ts';

/**
 * Your cluster. Copy this file to pgha.config.ts and edit the copy; what you leave out has the default shown, or the one that its
 * comment names. Everything is rendered from this one value: machines, stacks on AWS, alerts, dashboards, the cost. The lab renders
 * one of its own from the options of `pgha lab up`.
 */
export default defineCluster({
  project: 'pgha',
  environment: 'prod',

  // default by the number of machines: 'available' for 2 (the surviving one goes on alone), 'zero-loss' for 3 (rather no write than
  // a lost one)
  durability: 'available',

  primary: { awsRegion: 'us-east-1', cidr: '10.42.0.0/16', postgres: 2, etcd: 3 },
  // null: no second region; etcd: 3 from two standbys on
  dr: { awsRegion: 'us-west-2', cidr: '10.43.0.0/16', postgres: 1, etcd: 1 },

  instanceTypes: {
    etcd: 't3.micro',
    postgres: 't3.micro',
    // left out: as postgres
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
    restoreWindowDays: 7,
    retentionDays: 14,
  },

  monitoring: true,
  // who is told when something is wrong
  alertEmail: null,

  awsProfile: 'postgresql-ha-profile',
  // null: Session Manager only, no SSH key
  keyPair: null,
  // who may reach the bastion and the monitoring pages, for example ['203.0.113.7/32']
  adminCidrs: [],
  // who may reach the two HTTP APIs; left out: adminCidrs. ['0.0.0.0/0'] is everybody
  apiCidrs: [],

  // the way out for machines without a public address; 'nat-gateway' is AWS's own, for about 33 USD a month a region
  egress: 'bastion',
  // log the network's connections for 30 days
  flowLogs: false,
  // every role has the permissions boundary of "pgha policies", which an administrator makes before the first deploy
  permissionsBoundary: true,
  // backups nobody can delete for so many days (left out: restoreWindowDays); null: none. A bucket keeps it once it has it
  objectLockDays: 7,
  // Terraform's state: 's3' is a bucket of each region, made by "pgha bootstrap"; 'local' is .pgha/state of this checkout
  state: 's3',
});
