import type { PlaceOptions } from './place.ts';

export interface RestoreOptions extends PlaceOptions {
  into: 'scratch' | 'in-place';
  repo?: '1' | '2';
  on?: string;
  withoutStandby?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

/** The repository by its number, or null when none was named. */
export const repositoryOf = ({ repo }: Pick<RestoreOptions, 'repo'>): number | null =>
  repo === undefined ? null : Number(repo);
