export { artifacts, releaseContents } from './api.ts';
export * from './cloud-init.ts';
export { alertTopicName } from './config/alertmanager.ts';
export * from './machine.ts';
export * from './program.ts';
export * from './render.ts';
export * from './secrets.ts';
export * from './tls.ts';
