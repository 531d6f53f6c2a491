/** Where secrets live. Every implementation is one region's Parameter Store or behaves like one. */
export interface SecretStore {
  /** What messages call it, for example `us-east-1`. */
  place: string;
  /** The values there are; a name without a value is not in the answer. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Stores a value under a name that has none. It never replaces: the answer says whether the name was taken. */
  create(name: string, value: string): Promise<'created' | 'taken'>;
  /** Replaces a value on purpose: a rotation. */
  replace(name: string, value: string): Promise<void>;
}

/**
 * A value that has to be there.
 *
 * @throws when it is not; the message says what makes it.
 */
export async function readSecret(store: SecretStore, name: string): Promise<string> {
  const value = (await store.read([name])).get(name);
  if (value === undefined) throw new Error(`${store.place} has no ${name}; run "pgha secrets init"`);
  return value;
}

/**
 * A store that is gone with the process, for tests and rehearsals.
 *
 * @param values what it starts with.
 */
export function inMemoryStore(values: ReadonlyMap<string, string> = new Map(), place = 'memory'): SecretStore {
  const held = new Map(values);
  return {
    place,
    read: async (names) => {
      const found = names.flatMap((name): [string, string][] => {
        const value = held.get(name);
        return value === undefined ? [] : [[name, value]];
      });
      return new Map(found);
    },
    create: async (name, value) => {
      if (held.has(name)) return 'taken';
      held.set(name, value);
      return 'created';
    },
    replace: async (name, value) => {
      held.set(name, value);
    },
  };
}
