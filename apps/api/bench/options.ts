import { parseArgs } from 'node:util';

export interface BenchOptions {
  seconds: number;
  runs: number;
  rows: number;
  connections: number;
  peers: boolean;
  json: boolean;
}

const help = `pnpm bench: requests per second of both services, compared with the limit of the database alone

Starts a primary, a synchronous replica and the two services, loads rows, and measures one workload after the other.

  --seconds N       duration of a run (default 5)
  --runs N          runs per workload; prints the median, the lowest and the highest (default 3)
  --rows N          rows loaded before the runs (default 100000)
  --connections N   keep-alive connections of the load generator (default 64)
  --peers           also measure Gin + pgx and FastAPI + asyncpg on the same database, with the versions of Debian 13:
                    installed with mmdebstrap into /var/cache/pgha-bench and run in a chroot (requires root)
  --json            print the results as JSON

The load generator is wrk if it is installed (Debian: wrk), else autocannon, which uses more CPU.

Example: pnpm bench --seconds 10 --runs 5`;

/** What the caller can correct; the message is one line. */
export class UsageError extends Error {}

const known = {
  seconds: { type: 'string', default: '5' },
  runs: { type: 'string', default: '3' },
  rows: { type: 'string', default: '100000' },
  connections: { type: 'string', default: '64' },
  peers: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** The options, or null after the help was printed. Throws `UsageError` on a malformed or unknown one. */
export function readOptions(args: string[]): BenchOptions | null {
  const values = parse(args);
  if (values.help) {
    console.log(help);
    return null;
  }
  return {
    seconds: positive('seconds', values.seconds),
    runs: positive('runs', values.runs),
    rows: positive('rows', values.rows),
    connections: positive('connections', values.connections),
    peers: values.peers,
    json: values.json,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: known }).values;
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message.split('. ', 1)[0]}; "pnpm bench --help" lists the options`, {
      cause,
    });
  }
}

function positive(name: string, text: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new UsageError(`--${name}: expected a whole number of at least 1, got ${JSON.stringify(text)}`);
  return value;
}
