import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Pair } from '@pgha/db/embedded';
import { freePort, type Running, startServer } from './processes.ts';

const source = (file: string) => fileURLToPath(new URL(`./peers/${file}`, import.meta.url));

/** Two services of the kind people compare with, on the same database. Built from Debian's packages in `directory`. */
export async function startPeers(
  pair: Pair,
  directory: string,
  progress: (line: string) => void,
): Promise<(Running & { name: string })[]> {
  const url = (login: { user: string; password: string }, port: number) =>
    `postgres://${login.user}:${encodeURIComponent(login.password)}@${pair.host}:${port}/${pair.database}?sslmode=disable`;
  const env = {
    PRIMARY_URL: url(pair.logins.app, pair.primaryPort),
    REPLICA_URL: url(pair.logins.readonly, pair.replicaPort),
  };
  progress('building Gin + pgx');
  const binary = join(directory, 'gin');
  // Debian installs Go libraries as sources outside any module
  await promisify(execFile)('go', ['build', '-o', binary, source('main.go')], {
    env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOCACHE: `${binary}-cache` },
  });
  const gin = await freePort();
  const fastapi = await freePort();
  // as `uvicorn[standard]` runs. Without them head and body go out one by one and wait 40 ms for each other's acknowledgement
  const standard = ['--loop', 'uvloop', '--http', 'httptools'];
  const uvicorn = ['/usr/bin/python3', '-m', 'uvicorn', '--app-dir', source('.'), 'main:app'];
  return [
    { name: 'Gin + pgx', ...(await startServer([binary], { ...env, PORT: String(gin) }, gin, '/ready')) },
    {
      name: 'FastAPI + asyncpg, 2 workers',
      ...(await startServer(
        [...uvicorn, ...standard, '--workers', '2', '--no-access-log', '--port', String(fastapi)],
        env,
        fastapi,
        '/ready',
      )),
    },
  ];
}
