export * from './cost.ts';
export * from './cost-table.ts';
export { pricesAsOf } from './price-list.ts';
