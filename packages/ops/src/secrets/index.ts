export * from './certificates.ts';
export * from './init.ts';
export * from './inventory.ts';
export * from './mirrored-store.ts';
export * from './renew.ts';
export * from './ssm-store.ts';
export * from './store.ts';
