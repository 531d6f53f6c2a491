import type { SecretStore, StoredSecret } from './store.ts';

/**
 * Several regions as one store: each machine asks its own region, because the other may be lost, so all must hold the same
 * values. A value that one region has is copied to those that lack it; the first region decides between two runs at once, and it
 * is the first that a replacement is written to: a rotation that was interrupted in between finds the new value there.
 *
 * @param stores at least one; the first is the primary region's.
 * @throws from `read` and `create`, when two regions hold different values under one name: only a person, or the rotation that
 *   was interrupted, knows which is in use. `inspect` tells it instead.
 */
export function mirroredStore(stores: readonly [SecretStore, ...SecretStore[]]): SecretStore {
  const [first] = stores;

  const readEverywhere = async (names: readonly string[]) => Promise.all(stores.map((store) => store.read(names)));

  const agreedValue = (name: string, answers: readonly ReadonlyMap<string, string>[]): string | null => {
    const values = [...new Set(answers.map((answer) => answer.get(name)).filter((value) => value !== undefined))];
    if (values.length > 1) throw new Error(conflictMessage(name, stores));
    return values[0] ?? null;
  };

  return {
    place: stores.map(({ place }) => place).join(' and '),

    async read(names) {
      const answers = await readEverywhere(names);
      const complete = names.flatMap((name): [string, string][] => {
        const value = agreedValue(name, answers);
        return value !== null && answers.every((answer) => answer.has(name)) ? [[name, value]] : [];
      });
      return new Map(complete);
    },

    async inspect(names) {
      const answers = await Promise.all(stores.map((store) => store.inspect(names)));
      return new Map(
        names.flatMap((name): [string, StoredSecret][] => {
          const seen = answers.map((answer) => answer.get(name));
          const known = seen.find((each) => each !== undefined);
          const isMirrored = seen.every((each) => each?.value === known?.value);
          return known === undefined ? [] : [[name, { ...known, isMirrored }]];
        }),
      );
    },

    async create(name, proposed) {
      const existing = agreedValue(name, await readEverywhere([name]));
      let value = existing ?? proposed;
      let outcome: 'created' | 'taken' = existing === null ? 'created' : 'taken';
      for (const store of stores) {
        if ((await store.create(name, value)) === 'created') continue;
        const theirs = (await store.read([name])).get(name);
        if (theirs === value) continue;
        if (theirs === undefined || store !== first) throw new Error(conflictMessage(name, stores));
        value = theirs;
        outcome = 'taken';
      }
      return outcome;
    },

    async replace(name, value) {
      for (const store of stores) await store.replace(name, value);
    },
  };
}

const conflictMessage = (name: string, stores: readonly SecretStore[]) =>
  `${name} differs between ${stores.map(({ place }) => place).join(' and ')}. Rerun the interrupted rotation; ` +
  'if there was none, copy from the region whose values are in use: pgha secrets mirror --from REGION';
