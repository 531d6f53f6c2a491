import { parseArgs } from 'node:util';

export interface StartOptions {
  fresh: boolean;
  dir: string;
  apiPort: number;
  readApiPort: number;
  primaryPort: number;
  replicaPort: number;
  memberPorts: [number, number];
  statusPort: number;
}

/** A mistake on the command line; the message is one line that names the option. */
export class UsageError extends Error {}

/** 54320 and up: 5432 is often taken by a PostgreSQL of the computer's own. */
const DEFAULTS = {
  dir: '.pgha',
  'api-port': '8000',
  'read-api-port': '8001',
  'primary-port': '54320',
  'replica-port': '54321',
  'member-ports': '54322,54323',
  'status-port': '54328',
};

export const HELP = `Start everything on this computer: PostgreSQL 17 as a primary and a synchronous replica, the write API and the read API.

  npm start                                   start, with the data of the last run if there is any
  npm start -- --fresh                        delete the data and start from scratch
  npm start -- --api-port 9000                use another port

Options
  --fresh                 delete the database and its passwords first
  --api-port PORT         write API                                    ${DEFAULTS['api-port']}
  --read-api-port PORT    read API                                     ${DEFAULTS['read-api-port']}
  --primary-port PORT     PostgreSQL, the current primary              ${DEFAULTS['primary-port']}
  --replica-port PORT     PostgreSQL, the replica (read-only)          ${DEFAULTS['replica-port']}
  --member-ports A,B      the two servers behind those ports           ${DEFAULTS['member-ports']}
  --status-port PORT      GET /cluster, in Patroni's format            ${DEFAULTS['status-port']}
  --dir DIRECTORY         directory for data, passwords and logs       ${DEFAULTS.dir} in the checkout
  -h, --help              show this help

Port 0 means any free port. Everything listens on 127.0.0.1 only. Ctrl-C stops everything, after requests in progress.
If the primary fails, the replica is promoted automatically and the former primary is rebuilt as the replica.
`;

/**
 * Reads the command line.
 *
 * @param home what a relative or absent `--dir` is relative to
 * @returns null when help was asked for
 * @throws UsageError
 */
export function parseOptions(argv: string[], home: string): StartOptions | null {
  const values = parse(argv);
  if (values.help) return null;
  const port = (name: Exclude<keyof typeof DEFAULTS, 'dir' | 'member-ports'>) =>
    parsePort(`--${name}`, values[name] ?? DEFAULTS[name]);
  const memberText = values['member-ports'] ?? DEFAULTS['member-ports'];
  const [first, second, ...more] = memberText.split(',');
  if (first === undefined || second === undefined || more.length > 0) {
    throw new UsageError(`--member-ports: expected two ports, such as 54322,54323; got ${JSON.stringify(memberText)}`);
  }
  const options: StartOptions = {
    fresh: values.fresh === true,
    dir: values.dir ?? `${home}/${DEFAULTS.dir}`,
    apiPort: port('api-port'),
    readApiPort: port('read-api-port'),
    primaryPort: port('primary-port'),
    replicaPort: port('replica-port'),
    memberPorts: [parsePort('--member-ports', first), parsePort('--member-ports', second)],
    statusPort: port('status-port'),
  };
  refuseTwice(options);
  return options;
}

function parse(argv: string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    return parseArgs({
      args: argv,
      options: {
        help: { ...flag, short: 'h' },
        fresh: flag,
        dir: text,
        'api-port': text,
        'read-api-port': text,
        'primary-port': text,
        'replica-port': text,
        'member-ports': text,
        'status-port': text,
      },
    }).values;
  } catch (cause) {
    const [firstSentence] = (cause as Error).message.split('. ', 1);
    throw new UsageError(`${firstSentence}; "npm start -- --help" lists the options`, { cause });
  }
}

function parsePort(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw new UsageError(
    `${option}: expected a port from 1 to 65535, or 0 for any free one; got ${JSON.stringify(text)}`,
  );
}

function refuseTwice({ apiPort, readApiPort, primaryPort, replicaPort, memberPorts, statusPort }: StartOptions): void {
  const chosen = [apiPort, readApiPort, primaryPort, replicaPort, ...memberPorts, statusPort].filter(
    (port) => port > 0,
  );
  const twice = chosen.find((port, index) => chosen.indexOf(port) !== index);
  if (twice !== undefined) throw new UsageError(`port ${twice} is specified twice; every component needs its own`);
}
