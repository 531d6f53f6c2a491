export { type Caller, ClientGoneError } from './caller.ts';
export { createGate, DeadlineError, type Gate, QueueFullError } from './gate.ts';
export { createInsertQueue } from './insert-queue.ts';
export { createItemReads, type ItemReads, type Positioned, type ReadTerms } from './item-reads.ts';
export {
  deleteItem,
  etagOf,
  type ItemChange,
  type ItemFields,
  idOf,
  insertItem,
  insertItems,
  type PageRequest,
  type RenderedItem,
  type RenderedPage,
  readItems,
  readPage,
  updateItem,
} from './items.ts';
export { formatLsn, type LsnToken, parseLsn } from './lsn.ts';
export { assertSchemaIsCurrent, knownMigrations, migrate, SchemaVersionError } from './migrate.ts';
export { type DbObserver, silentObserver } from './observer.ts';
export {
  classify,
  FinalAnswerError,
  isDatabaseError,
  NoConnectionError,
  type Outcome,
  WrongRoleError,
} from './outcome.ts';
export { createPool, type DbPool, type Session, type Statement } from './pool.ts';
export type { ReadPosition } from './positions.ts';
export { ReplicaBehindError } from './replay-watch.ts';
export { OutcomeUnknownError, type RideContext, ride } from './ride.ts';
export { type DbSettings, type DbTls, defaultPoolLimits, type ExpectedRole, type PoolLimits } from './settings.ts';
export { type DatabaseStats, readReplicationLagBytes, readStats } from './stats.ts';
export {
  clientIdentity,
  KeyInUseError,
  KeyReusedError,
  ownIdentity,
  purgeRecords,
  type StoredAnswer,
  type WriteIdentity,
  type WriteResult,
  writeOnce,
} from './write-once.ts';
