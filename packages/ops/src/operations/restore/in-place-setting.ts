import type { Region } from '@pgha/infra/cluster';
import type { Installation } from '../../installation/installation.ts';
import type { Memory } from '../operation.ts';
import type { RestoreSource } from './target.ts';

/** What a restore in place decided before its first step, so that it decides the same when it goes on. */
export interface InPlaceChoices {
  /** Names what is kept: `pre-restore-20261125t201507`. */
  id: string;
  source: RestoreSource;
  /** The member that restores; the others follow it. */
  restorer: string;
  /** The member that led; null: nobody did. */
  primary: string | null;
  /** The repositories that answered: each gets a new full backup. */
  repositories: readonly number[];
  /** Whether a standby region follows. */
  withStandby: boolean;
}

/** What a restore in place works with. */
export interface InPlaceSetting {
  installation: Installation;
  region: Region;
  /** The other region, when it follows this one. */
  standby: Region | null;
  choices: InPlaceChoices;
  memory: Pick<Memory, 'recall' | 'choose'>;
  signal: AbortSignal;
}
