export { artifacts, releaseContents } from './api.ts';
export * from './aws-site.ts';
export * from './cloud-init.ts';
export { alertTopicName } from './config/alertmanager.ts';
export {
  databaseRolesProgram,
  durabilityProgram,
  guardProgram,
  restoreGate,
  spaceProgram,
} from './config/bundled-units.ts';
export { databaseRotatingLogins, ownerRole } from './config/database-roles.ts';
export { readableLagMib } from './config/haproxy.ts';
export {
  patroniDynamicConfig,
  patroniRestUser,
  slotsFor,
  standbyClusterOf,
  standbySlotOf,
} from './config/patroni.ts';
export { everyRepository, fullBackupKey, repositoryNumber } from './config/pgbackrest.ts';
export { type PoolLimits, poolLimits } from './config/pgbouncer.ts';
export {
  binDirectory,
  dataDirectory,
  dataMount,
  patroniConfigDirectory,
  pgbouncerSocketDirectory,
  socketDirectory,
} from './config/postgresql.ts';
export {
  drillProgram,
  epochKey,
  promoteRegionProgram,
  rebuildRegionProgram,
  regionProgram,
  retireRegionProgram,
} from './config/region.ts';
export {
  checkProgram,
  repositoryProgram,
  restoreInPlaceProgram,
  restoreTestProgram,
  scratchProgram,
  verifyReport,
} from './config/restore.ts';
export { servicesRegionProgram } from './config/services-region.ts';
export * from './describe.ts';
export { etcdAuthProgram, etcdDataDirectory, etcdQuotaBytes } from './etcd.ts';
export * from './etcd-keys.ts';
export * from './machine.ts';
export { certificatesProgram, observeProgram } from './observe.ts';
export { upgradeProgram } from './operating-system.ts';
export * from './program.ts';
export * from './render.ts';
export * from './secrets.ts';
export { agentMessageActions } from './systems-manager.ts';
export * from './tls.ts';
