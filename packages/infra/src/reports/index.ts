export { renderAlertTable } from './alert-table.ts';
export * from './cost.ts';
export * from './cost-table.ts';
export * from './deploy-policy.ts';
export { pricesAsOf, pricesOf } from './price-list.ts';
