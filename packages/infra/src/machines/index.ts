export { artifacts, releaseContents } from './api.ts';
export * from './aws-site.ts';
export * from './cloud-init.ts';
export { alertTopicName } from './config/alertmanager.ts';
export { guardProgram } from './config/guard.ts';
export { patroniConfigDirectory, patroniDynamicConfig, patroniRestUser, standbySlot } from './config/patroni.ts';
export { repositoryNumber } from './config/pgbackrest.ts';
export {
  binDirectory,
  dataDirectory,
  dataMount,
  pgbouncerSocketDirectory,
  socketDirectory,
} from './config/postgresql.ts';
export * from './describe.ts';
export { etcdDataDirectory } from './etcd.ts';
export * from './machine.ts';
export { certificatesProgram, observeProgram } from './observe.ts';
export { upgradeProgram } from './operating-system.ts';
export * from './program.ts';
export * from './render.ts';
export * from './secrets.ts';
export * from './tls.ts';
