import type { Noun } from './command.ts';

/** Every noun of the command line, in the order the help shows them. */
export const nouns: readonly Noun[] = [
  {
    name: 'status',
    summary: 'members, replication, etcd, pooler, backups, certificates, disks',
    load: async () => (await import('./status.ts')).registerStatus,
  },
  {
    name: 'switchover',
    summary: 'make another member the primary',
    load: async () => (await import('./switchover.ts')).registerSwitchover,
  },
  {
    name: 'failover',
    summary: 'make a member the primary where nobody leads',
    load: async () => (await import('./failover.ts')).registerFailover,
  },
  {
    name: 'migrate',
    summary: 'bring the schema up to date, as the owner',
    load: async () => (await import('./migrate.ts')).registerMigrate,
  },
  {
    name: 'load',
    summary: 'write and read as a client, and check what was acknowledged',
    load: async () => (await import('./load.ts')).registerLoad,
  },
  {
    name: 'connect',
    summary: 'open psql, or print where to connect',
    load: async () => (await import('./connect.ts')).registerConnect,
  },
  {
    name: 'upgrade',
    summary: 'newest minor versions, one machine at a time',
    load: async () => (await import('./upgrade.ts')).registerUpgrade,
  },
  {
    name: 'backup',
    summary: 'take, list and verify backups',
    load: async () => (await import('./backup.ts')).registerBackup,
  },
  {
    name: 'restore',
    summary: 'bring back what was there at a second',
    load: async () => (await import('./restore.ts')).registerRestore,
  },
  {
    name: 'dr',
    summary: 'the second region: status, failover, failback, drill',
    load: async () => (await import('./dr.ts')).registerDr,
  },
  {
    name: 'operations',
    summary: 'who did what to this cluster, and what was cut off',
    load: async () => (await import('./operations.ts')).registerOperations,
  },
  {
    name: 'lab',
    summary: 'the whole system as machines on this computer',
    load: async () => (await import('./lab.ts')).registerLab,
  },
  {
    name: 'apply',
    summary: 'bring a changed configuration to the running machines',
    load: async () => (await import('./apply.ts')).registerApply,
  },
  {
    name: 'api',
    summary: 'the releases of both HTTP services',
    load: async () => (await import('./api.ts')).registerApi,
  },
  {
    name: 'secrets',
    summary: 'passwords, keys and certificates in Parameter Store',
    load: async () => (await import('./secrets.ts')).registerSecrets,
  },
  {
    name: 'certs',
    summary: "the machines' certificates: when they end, and their renewal",
    load: async () => (await import('./certs.ts')).registerCerts,
  },
  {
    name: 'archive',
    summary: 'the repositories that WAL is archived into',
    load: async () => (await import('./archive.ts')).registerArchive,
  },
  {
    name: 'doctor',
    summary: 'check this computer: programs, credentials, configuration',
    load: async () => (await import('./doctor.ts')).registerDoctor,
  },
  {
    name: 'cost',
    summary: 'what a month costs on AWS',
    load: async () => (await import('./cost.ts')).registerCost,
  },
  {
    name: 'policies',
    summary: 'the IAM policies of a deploy, for an administrator',
    load: async () => (await import('./policies.ts')).registerPolicies,
  },
  {
    name: 'bootstrap',
    summary: "make what Terraform's state is kept in",
    load: async () => (await import('./bootstrap.ts')).registerBootstrap,
  },
  {
    name: 'plan',
    summary: 'show what a deploy would change on AWS',
    load: async () => (await import('./plan.ts')).registerPlan,
  },
  {
    name: 'deploy',
    summary: 'bring a region on AWS to what the configuration says',
    load: async () => (await import('./deploy.ts')).registerDeploy,
  },
  {
    name: 'nodes',
    summary: 'machines: list, restart, build anew, replace, add, remove',
    load: async () => (await import('./nodes.ts')).registerNodes,
  },
  {
    name: 'destroy',
    summary: "remove a region's machines from AWS, and keep its data",
    load: async () => (await import('./destroy.ts')).registerDestroy,
  },
];
