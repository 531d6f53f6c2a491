import type { Host, RunOptions, RunResult } from './host.ts';

/** What a fake machine does with a command; null lets the built-in ones (`cat`, `true`, `false`, `sh -c 'exit N'`) answer. */
export type Behaviour = (argv: readonly string[], options: RunOptions) => Promise<RunResult> | RunResult | null;

export interface FakeHost extends Host {
  /** Every command in its order. */
  readonly commands: readonly (readonly string[])[];
  readonly files: ReadonlyMap<string, { content: string; mode: string; owner: string; group: string }>;
}

/** A machine in memory, for tests of operations: real files, and commands that behave as the test says. */
export function createFakeHost(name: string, behaviour: Behaviour = () => null): FakeHost {
  const commands: (readonly string[])[] = [];
  const files = new Map<string, { content: string; mode: string; owner: string; group: string }>();
  const builtIn = ([command, ...args]: readonly string[], { input }: RunOptions): RunResult => {
    const done = (exitCode: number, stdout = '', stderr = ''): RunResult => ({ exitCode, stdout, stderr });
    if (command === 'true') return done(0);
    if (command === 'false') return done(1);
    if (command === 'printf') return done(0, args.join(' '));
    if (command === 'cat' && args.length === 0) return done(0, input ?? '');
    if (command === 'cat' && args[0] !== undefined) {
      const file = files.get(args[0]);
      return file === undefined ? done(1, '', `cat: ${args[0]}: No such file or directory\n`) : done(0, file.content);
    }
    const exit = command === 'sh' && args[0] === '-c' ? /^exit (\d+)$/.exec(args[1] ?? '') : null;
    if (exit !== null) return done(Number(exit[1]));
    return done(127, '', `${command}: command not found\n`);
  };
  return {
    name,
    commands,
    files,
    run: async (argv, options = {}) => {
      commands.push([...argv]);
      return (await behaviour(argv, options)) ?? builtIn(argv, options);
    },
    readFile: async (path) => files.get(path)?.content ?? null,
    writeFile: async (path, content, options = {}) => {
      const { mode = '0644', owner = 'root', group = 'root' } = options;
      files.set(path, { content, mode, owner, group });
    },
  };
}
