/** A generation of the backup repositories: a path of its own and the passphrase that everything in it is encrypted with. */
export interface Generation {
  number: number;
  /** `coming`: archived into, and without a backup yet; `former`: only restored from. */
  state: 'current' | 'coming' | 'former';
  passphrase: string;
}

/**
 * Reads the parameter `backup/passphrases`.
 *
 * @throws when a line is none, or not one generation is the current one.
 */
export function parseGenerations(text: string): readonly Generation[] {
  const generations = text
    .trim()
    .split('\n')
    .map((line, index): Generation => {
      const [, number, state, passphrase] = /^(\d+) (current|coming|former) (\S+)$/.exec(line) ?? [];
      if (number === undefined || state === undefined || passphrase === undefined) {
        throw new Error(
          `line ${index + 1} of backup/passphrases is invalid. Expected: "NUMBER current|coming|former PASSPHRASE"`,
        );
      }
      return { number: Number(number), state: state as Generation['state'], passphrase };
    });
  if (generations.filter(({ state }) => state === 'current').length !== 1) {
    throw new Error('backup/passphrases must have exactly one current generation');
  }
  return generations;
}

export function formatGenerations(generations: readonly Generation[]): string {
  return generations.map(({ number, state, passphrase }) => `${number} ${state} ${passphrase}\n`).join('');
}
