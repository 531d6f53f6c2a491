export { EmbeddedFailure, PortTaken } from './failure.ts';
export type { Login } from './logins.ts';
export { type Pair, type PairOptions, startPair } from './pair.ts';
export type { Cluster, Member } from './status.ts';
