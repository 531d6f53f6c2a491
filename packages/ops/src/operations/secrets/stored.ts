import type { StoredSecret } from '../../secrets/index.ts';
import type { Step } from '../../step.ts';
import type { SecretsSetting } from './setting.ts';

/** A value that a step replaces. */
export interface Replacement {
  /** The parameter's name. */
  name: string;
  /** Whether the value is what the step wants. */
  isNew(stored: StoredSecret): boolean;
  make(stored: StoredSecret): string | Promise<string>;
}

/**
 * A step that replaces a value in every region. Cut off between two regions it finds its own value in the first one and copies it:
 * two values are never made.
 */
export function replaceStep(
  { store, signal }: Pick<SecretsSetting, 'store' | 'signal'>,
  title: string,
  { name, isNew, make }: Replacement,
): Step {
  return {
    title,
    isDone: async () => {
      const stored = await readStored(store, name);
      return isNew(stored) && stored.isMirrored;
    },
    run: async (report) => {
      const stored = await readStored(store, name);
      signal.throwIfAborted();
      await store.replace(name, isNew(stored) ? stored.value : await make(stored));
      report(name);
    },
  };
}

/** A value of which only that it is another one matters. */
export function anotherValue(name: string, versionBefore: string, make: () => string): Replacement {
  return { name, isNew: ({ version }) => version > Number(versionBefore), make };
}

/** @throws when the parameter is not there. */
export async function readStored(store: SecretsSetting['store'], name: string): Promise<StoredSecret> {
  const stored = (await store.inspect([name])).get(name);
  if (stored === undefined)
    throw new Error(`${store.place} has no parameter ${name}. Create it with: pgha secrets init`);
  return stored;
}

/** The version of a value as `observe` remembers it. */
export async function versionOf(store: SecretsSetting['store'], name: string): Promise<string> {
  return `${(await readStored(store, name)).version}`;
}
