export * from './authority.ts';
export * from './certificates.ts';
export * from './generations.ts';
export * from './init.ts';
export * from './inventory.ts';
export * from './mirrored-store.ts';
export * from './ssm-store.ts';
export * from './store.ts';
