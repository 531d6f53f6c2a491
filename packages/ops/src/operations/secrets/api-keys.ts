import { apiKeysParameter } from '@pgha/infra/machines';
import { RefusedError } from '../../exit-codes.ts';
import { randomApiKey } from '../../secrets/index.ts';
import { fetchStep } from './machines.ts';
import type { SecretChange } from './setting.ts';
import { readStored, replaceStep } from './stored.ts';

/** A key without a name is the credential that is rotated; keys that somebody named are left alone. */
const isUnnamed = (line: string) => line !== '' && !line.includes(':');

const linesOf = (text: string) => text.trim().split('\n');

const unnamedIn = (text: string) => linesOf(text).filter(isUnnamed).length;

/** Puts another key before the one there is: both are valid until the old one is retired. */
export const apiKeyRotation: SecretChange = {
  observe: async ({ cluster, store }) => {
    const stored = await readStored(store, apiKeysParameter(cluster));
    return { version: `${stored.version}`, keys: `${unnamedIn(stored.value)}` };
  },
  plan: (setting, before) => {
    const name = apiKeysParameter(setting.cluster);
    if (Number(before['keys']) > 1) {
      throw new RefusedError(
        'two API keys are already valid. Once clients use the new one, revoke the old one: pgha secrets retire api_keys',
      );
    }
    return [
      replaceStep(setting, 'Create a new API key in addition to the old one', {
        name,
        isNew: ({ version }) => version > Number(before['version']),
        make: ({ value }) => `${randomApiKey()}\n${value.trim()}\n`,
      }),
      fetchStep(setting, 'Roll out both API keys to the services', setting.readersOf([name])),
      {
        title: 'Both API keys are accepted',
        run: async () =>
          setting.note(
            'Give clients the new API key ("pgha secrets show api_keys"). The old one is accepted until you run "pgha secrets retire api_keys"',
          ),
      },
    ];
  },
};

/** Removes every unnamed key but the newest. */
export const apiKeyRetirement: SecretChange = {
  observe: async () => ({}),
  plan: (setting) => {
    const name = apiKeysParameter(setting.cluster);
    return [
      replaceStep(setting, 'Remove all API keys except the newest', {
        name,
        isNew: ({ value }) => unnamedIn(value) === 1,
        make: ({ value }) => {
          const [newest = '', ...others] = linesOf(value).filter(isUnnamed);
          return `${linesOf(value)
            .filter((line) => line === newest || !others.includes(line))
            .join('\n')}\n`;
        },
      }),
      fetchStep(setting, 'Revoke the old API key in the services', setting.readersOf([name])),
    ];
  },
};

/** Whether an old key is still valid. */
export function isOldKeyValid(value: string): boolean {
  return unnamedIn(value) > 1;
}
