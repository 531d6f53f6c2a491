import { fileURLToPath } from 'node:url';
import type { Places } from './lab/places.ts';

/** What the environment may say to the command; everything else is arguments and `pgha.config.ts`. */
export interface Settings {
  labPlaces: Places;
  searchPath: string;
  /** The checkout this command belongs to. */
  workspace: string;
}

/** Reads the settings from the environment. */
export function readSettings(): Settings {
  const folder = process.env['PGHA_LAB_DIR'];
  return {
    labPlaces:
      folder === undefined
        ? { root: '/var/lib/pgha-lab', cache: '/var/cache/pgha-lab' }
        : { root: `${folder}/lab`, cache: `${folder}/cache` },
    searchPath: process.env['PATH'] ?? '',
    workspace: fileURLToPath(new URL('../../..', import.meta.url)),
  };
}
