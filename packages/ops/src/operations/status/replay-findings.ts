import { type ReplayFailure, toldOf } from '../../clients/observation.ts';
import type { Finding } from './finding.ts';
import type { ClusterObservation } from './observe.ts';

/** The error that ends a member's replay each time it starts, or null. */
export function replayFailureOf({ machines }: ClusterObservation, name: string): ReplayFailure | null {
  const machine = machines.find(({ node }) => node.name === name)?.seen;
  return toldOf(machine?.replay)?.failure ?? null;
}

/** A replica that lacks what its primary's WAL refers to; a copy of the primary would lack it as well. */
export function replayFinding(name: string, { message, context }: ReplayFailure): Finding {
  const directory = /^directory "(\/.+)" does not exist$/.exec(message)?.[1];
  if (directory !== undefined && context.includes('Tablespace/CREATE')) {
    return {
      what: `${name}: replay fails, the directory ${directory} of a tablespace is missing`,
      remedy: `install --directory --owner=postgres --group=postgres --mode=0700 ${shellWord(directory)} as root on ${name} and on every other member of both regions; Patroni then starts the server`,
      alert: 'PostgresDown',
    };
  }
  return {
    what: `${name}: replay fails: ${message} (${context.slice(0, 120)})`,
    remedy: `provide on ${name} what the message names. If its data files are corrupt: pgha nodes reinit ${name}`,
    alert: 'PostgresDown',
  };
}

const shellWord = (text: string) => (/^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
