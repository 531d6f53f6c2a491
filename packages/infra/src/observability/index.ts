export * from './dashboards.ts';
export * from './figures.ts';
export * from './rules.ts';
export type * from './signal.ts';
export * from './signals.ts';
