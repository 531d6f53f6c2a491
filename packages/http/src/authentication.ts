import { createHash, timingSafeEqual } from 'node:crypto';

/** A key clients may present. Only its hash is kept. Keys of one name are one credential, so that they can rotate. */
export interface ApiKey {
  name: string;
  hash: Buffer;
}

const shortestSecret = 16;

/** Parses `[name:]secret` entries separated by commas or lines. Throws when one is too short; the secret is not shown. */
export function parseApiKeys(text: string): ApiKey[] {
  return text
    .split(/[\n,]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map((entry, index) => {
      const colon = entry.indexOf(':');
      const name = colon < 0 ? 'default' : entry.slice(0, colon);
      const secret = entry.slice(colon + 1);
      if (secret.length < shortestSecret) {
        throw new Error(
          `key ${index + 1} has ${secret.length} characters; use at least ${shortestSecret} random characters`,
        );
      }
      return { name, hash: hashKey(secret) };
    });
}

/** The name of the key in an `Authorization: Bearer …` header; null when it is none of `keys`. */
export function authenticate(keys: ApiKey[], authorization: string | undefined): string | null {
  const token = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return null;
  const hash = hashKey(token);
  let name: string | null = null;
  // every key is compared, so that the time taken does not reveal which one came close
  for (const key of keys) if (timingSafeEqual(key.hash, hash)) name = key.name;
  return name;
}

function hashKey(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
