export { type BackupsView, readBackups } from './backups.ts';
export { outOfMemory } from './body.ts';
export { type ClusterView, readCluster } from './cluster.ts';
export { parseEntityTags } from './items/entity-tags.ts';
export { notFound, registerItemReads } from './items/read-routes.ts';
export {
  type ItemChanges,
  ItemChangesSchema,
  ItemParamsSchema,
  ItemSchema,
  type NewItem,
  NewItemSchema,
  parseId,
  toChanges,
  toFields,
} from './items/schemas.ts';
export type { MemoryBudget } from './memory-budget.ts';
export { createMetrics, type Metrics } from './metrics.ts';
export { registerOperationalRoutes } from './operational-routes.ts';
export { Problem, problemResponses } from './problems.ts';
export type { RequestLog } from './request-log.ts';
export { pathOf } from './request-target.ts';
export { configOrExit, createRuntime, type Runtime } from './runtime.ts';
export type { SchemaWatch } from './schema-watch.ts';
export { createDraining, type Draining, inheritedSocket, serve } from './serve.ts';
export { createService, type ServiceOptions, typed } from './service.ts';
export { loadServiceConfig, type ServiceConfig } from './service-config.ts';
export { readSettings, SettingsError, serviceSettings } from './settings.ts';
export { renderSettings } from './settings-document.ts';
export { registerStatusPage } from './status-page/status-page.ts';
