import { type Observation, toldOf } from '../../clients/observation.ts';

/**
 * Whether a member accepts writes, in its own words: its server is not in recovery, or does not answer while its Patroni says that
 * it is the primary. null: neither can be asked.
 */
export function acceptsWrites(machine: Observation | null): boolean | null {
  const database = toldOf(machine?.database);
  if (database !== null) return !database.inRecovery;
  const self = toldOf(machine?.patroni)?.patroni;
  return self === undefined ? null : self.role === 'primary' && self.state === 'running';
}

/** Whether Patroni there keeps its primary without etcd. */
export const isFailsafe = (machine: Observation | null): boolean =>
  toldOf(machine?.patroni)?.patroni.failsafe_mode_is_active === true;
