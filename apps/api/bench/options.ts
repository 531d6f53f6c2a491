import { parseArgs } from 'node:util';

export interface BenchOptions {
  seconds: number;
  runs: number;
  rows: number;
  connections: number;
  peers: boolean;
  json: boolean;
}

const help = `pnpm bench: requests a second of both services, beside the database's own limit

Starts a primary, a synchronous replica and the two services, loads rows, and measures each line in turn.

  --seconds N       length of a run (default 5)
  --runs N          runs of a line; the median is printed, with the lowest and the highest (default 3)
  --rows N          rows loaded first (default 100000)
  --connections N   keep-alive connections of the load (default 64)
  --peers           the same lines by Gin + pgx and FastAPI + asyncpg on the same database
                    (Debian: golang golang-github-gin-gonic-gin-dev golang-github-jackc-pgx-v4-dev
                    python3-fastapi python3-asyncpg python3-uvicorn python3-uvloop python3-httptools)
  --json            the results as JSON on stdout

The load comes from wrk where it is installed (Debian: wrk), else from autocannon, which takes more of the machine.

Example: pnpm bench --seconds 10 --runs 5`;

/** The options, or null after the help was printed. Throws on a malformed one. */
export function readOptions(args: string[]): BenchOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '5' },
      runs: { type: 'string', default: '3' },
      rows: { type: 'string', default: '100000' },
      connections: { type: 'string', default: '64' },
      peers: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
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

function positive(name: string, text: string): number {
  const value = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new Error(`--${name} ${text}: must be a whole number from 1`);
  return value;
}
