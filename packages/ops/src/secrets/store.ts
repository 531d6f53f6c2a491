/** Where secrets live. Every implementation is one region's Parameter Store or behaves like one. */
export interface SecretStore {
  /** What messages call it, for example `us-east-1`. */
  place: string;
  /** The values there are; a name without a value is not in the answer. */
  read(names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** The same with what the store knows of each value. */
  inspect(names: readonly string[]): Promise<ReadonlyMap<string, StoredSecret>>;
  /** Stores a value under a name that has none. It never replaces: the answer says whether the name was taken. */
  create(name: string, value: string): Promise<'created' | 'taken'>;
  /** Replaces a value on purpose: a rotation. */
  replace(name: string, value: string): Promise<void>;
}

/** A value and its history. */
export interface StoredSecret {
  value: string;
  /** Counts the values this name had; a store that was made anew begins again. */
  version: number;
  changedAt: Date;
  /** Every region has the same value; always true of one region alone. */
  isMirrored: boolean;
}

/**
 * A value that has to be there.
 *
 * @throws when it is not; the message says what makes it.
 */
export async function readSecret(store: SecretStore, name: string): Promise<string> {
  const value = (await store.read([name])).get(name);
  if (value === undefined)
    throw new Error(`${store.place} has no parameter ${name}. Create it with: pgha secrets init`);
  return value;
}

/**
 * A store that is gone with the process, for tests and rehearsals.
 *
 * @param values what it starts with.
 * @param held where it keeps them, for whoever wants to look.
 */
export function inMemoryStore(
  values: ReadonlyMap<string, string> = new Map(),
  place = 'memory',
  held = new Map<string, StoredSecret>(),
): SecretStore {
  const put = (name: string, value: string) => {
    const version = (held.get(name)?.version ?? 0) + 1;
    held.set(name, { value, version, changedAt: new Date(), isMirrored: true });
  };
  for (const [name, value] of values) put(name, value);
  const inspect = async (names: readonly string[]) =>
    new Map(
      names.flatMap((name): [string, StoredSecret][] => {
        const found = held.get(name);
        return found === undefined ? [] : [[name, found]];
      }),
    );
  return {
    place,
    inspect,
    read: async (names) => new Map([...(await inspect(names))].map(([name, { value }]) => [name, value])),
    create: async (name, value) => {
      if (held.has(name)) return 'taken';
      put(name, value);
      return 'created';
    },
    replace: async (name, value) => put(name, value),
  };
}
