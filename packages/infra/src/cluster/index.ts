export * from './addresses.ts';
export type * from './cluster.ts';
export * from './define-cluster.ts';
export type { ClusterInput, RegionInput } from './input.ts';
export * from './instance-types.ts';
export * from './parameters.ts';
export * from './ports.ts';
export type { Problem } from './rules.ts';
export * from './topology.ts';
