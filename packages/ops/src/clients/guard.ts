import { guardProgram } from '@pgha/infra/machines';
import { type Host, runChecked } from '../hosts/host.ts';
import { asPostgres } from './pgbackrest.ts';

/** How a hold began. */
export interface Hold {
  /** `paused`: no transaction of a pooled client runs any more; `pausing`: one still does. */
  state: 'paused' | 'pausing' | 'serving';
  /** The primary's; the hold ends when one of a later timeline accepts writes. */
  timeline: number;
}

/**
 * Makes this machine's pooler wait for the next primary, and returns once the running transactions have ended.
 *
 * @param seconds after which the pooler goes on by itself, whoever is the primary then.
 */
export async function holdPooler(host: Host, seconds: number): Promise<Hold> {
  return JSON.parse(await runChecked(host, asPostgres(guardProgram, 'hold', `${seconds}`))) as Hold;
}
