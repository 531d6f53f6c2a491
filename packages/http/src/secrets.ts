import { readFile } from 'node:fs/promises';
import type { DbSettings } from '@pgha/db';
import { type ApiKey, parseApiKeys } from './authentication.ts';
import { readParameter } from './parameter-store.ts';
import type { ServiceSettings } from './settings.ts';

/** The keys, from wherever the settings say; adds a line for what is wrong. */
export async function loadKeys(settings: ServiceSettings, lines: string[]): Promise<ApiKey[]> {
  const { API_KEYS: inline, API_KEYS_FILE: file, API_KEYS_PARAMETER: parameter } = settings;
  if ([inline, file, parameter].filter((each) => each !== undefined).length > 1) {
    lines.push('API_KEYS, API_KEYS_FILE and API_KEYS_PARAMETER: set only one of them');
    return [];
  }
  try {
    const text = inline ?? (file ? await readFile(file, 'utf8') : parameter ? await readParameter(parameter) : '');
    return parseApiKeys(text);
  } catch (error) {
    lines.push(
      `${file ? 'API_KEYS_FILE' : parameter ? 'API_KEYS_PARAMETER' : 'API_KEYS'}: ${(error as Error).message}`,
    );
    return [];
  }
}

/** The password, or how to read it at every new connection; adds a line for what is wrong. */
export async function databasePassword(settings: ServiceSettings, lines: string[]): Promise<DbSettings['password']> {
  const { DB_PASSWORD: inline, DB_PASSWORD_FILE: file, DB_PASSWORD_PARAMETER: parameter } = settings;
  if ([inline, file, parameter].filter((each) => each !== undefined).length !== 1) {
    lines.push('DB_PASSWORD, DB_PASSWORD_FILE, DB_PASSWORD_PARAMETER: set exactly one of them');
    return '';
  }
  if (inline !== undefined) return inline;
  if (parameter !== undefined) return () => readParameter(parameter);
  const readPassword = async () => (await readFile(file as string, 'utf8')).trim();
  await readPassword().catch((error: NodeJS.ErrnoException) => {
    lines.push(`DB_PASSWORD_FILE: ${JSON.stringify(file)} cannot be read (${error.code})`);
  });
  return readPassword;
}
