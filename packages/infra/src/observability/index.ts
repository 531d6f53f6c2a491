export * from './rules.ts';
export type * from './signal.ts';
export * from './signals.ts';
