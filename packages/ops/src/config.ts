import { fileURLToPath } from 'node:url';
import type { Places } from './lab/places.ts';

/** What the environment may say to the command; everything else is arguments and `pgha.config.ts`. */
export interface Settings {
  labPlaces: Places;
  searchPath: string;
  /** The checkout this command belongs to. */
  workspace: string;
  aws: {
    /** The environment names credentials of its own; the configuration's profile is then left alone. */
    hasOwnCredentials: boolean;
    /** Where Terraform keeps providers, if the user chose a place. */
    pluginCache: string | null;
  };
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
    aws: {
      hasOwnCredentials: credentialVariables.some((name) => (process.env[name] ?? '') !== ''),
      pluginCache: process.env['TF_PLUGIN_CACHE_DIR'] ?? null,
    },
  };
}

/** What the SDK and Terraform's provider both take credentials from, besides ~/.aws. */
const credentialVariables = [
  'AWS_PROFILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];
