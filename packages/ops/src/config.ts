import { fileURLToPath } from 'node:url';
import { UsageError } from './exit-codes.ts';
import type { Slowness } from './hosts/slowed.ts';
import type { Places } from './lab/places.ts';

/** What the environment may say to the command; everything else is arguments and `pgha.config.ts`. */
export interface Settings {
  labPlaces: Places;
  /** The lab's hosts answer as slowly as remote ones, to try operations so; null: as fast as they can. */
  labSlowness: Slowness | null;
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

/**
 * Reads the settings from the environment.
 *
 * @throws UsageError when a number is none.
 */
export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const folder = environment['PGHA_LAB_DIR'];
  return {
    labPlaces:
      folder === undefined
        ? { root: '/var/lib/pgha-lab', cache: '/var/cache/pgha-lab' }
        : { root: `${folder}/lab`, cache: `${folder}/cache` },
    labSlowness: slownessIn(environment),
    searchPath: environment['PATH'] ?? '',
    workspace: fileURLToPath(new URL('../../..', import.meta.url)),
    aws: {
      hasOwnCredentials: credentialVariables.some((name) => (environment[name] ?? '') !== ''),
      pluginCache: environment['TF_PLUGIN_CACHE_DIR'] ?? null,
    },
  };
}

function slownessIn(environment: NodeJS.ProcessEnv): Slowness | null {
  if ((environment['PGHA_LAB_LATENCY_MS'] ?? '') === '') return null;
  return {
    latencyMs: numberIn(environment, 'PGHA_LAB_LATENCY_MS', 60_000),
    throttledShare: numberIn(environment, 'PGHA_LAB_THROTTLED', 1),
  };
}

function numberIn(environment: NodeJS.ProcessEnv, name: string, most: number): number {
  const text = environment[name] ?? '0';
  const value = Number(text);
  if (!(value >= 0 && value <= most)) throw new UsageError(`${name}: "${text}" is not a number from 0 to ${most}`);
  return value;
}

/** What the SDK and Terraform's provider both take credentials from, besides ~/.aws. */
const credentialVariables = [
  'AWS_PROFILE',
  'AWS_ACCESS_KEY_ID',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];
