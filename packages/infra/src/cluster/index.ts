export type * from './cluster.ts';
export * from './parameters.ts';
export * from './ports.ts';
export * from './topology.ts';
