import { join } from 'node:path';
import type { Pair } from '@pgha/db/embedded';
import { type PeersRoot, peersDirectory } from './peers-root.ts';
import { freePort, type Running, startServer } from './processes.ts';

export interface Peers {
  /** What they are made of, with versions. */
  about: string;
  services: (Running & { name: string })[];
}

/** Two services of the kind that people compare with, on the same database, as Debian ships them. */
export async function startPeers(pair: Pair, root: PeersRoot): Promise<Peers> {
  const url = (login: { user: string; password: string }, port: number) =>
    `postgres://${login.user}:${encodeURIComponent(login.password)}@${pair.host}:${port}/${pair.database}?sslmode=disable`;
  const env = {
    PRIMARY_URL: url(pair.logins.app, pair.primaryPort),
    REPLICA_URL: url(pair.logins.readonly, pair.replicaPort),
  };

  const names = namesOf(root.versions);
  const gin = await freePort();
  const fastapi = await freePort();
  const inRoot = (command: string[], port: number) =>
    startServer(['chroot', root.path, ...command], { ...env, PORT: String(port) }, port, '/ready');
  // as `uvicorn[standard]` runs. Without them head and body go out one by one and wait 40 ms for each other's acknowledgement
  const standard = ['--loop', 'uvloop', '--http', 'httptools'];
  const uvicorn = ['python3', '-m', 'uvicorn', '--app-dir', peersDirectory, 'main:app'];
  return {
    about: names.about,
    services: [
      { name: names.gin, ...(await inRoot([join(peersDirectory, 'gin')], gin)) },
      {
        name: names.fastapi,
        ...(await inRoot(
          [...uvicorn, ...standard, '--workers', '2', '--no-access-log', '--port', String(fastapi)],
          fastapi,
        )),
      },
    ],
  };
}

function namesOf(versions: PeersRoot['versions']): { gin: string; fastapi: string; about: string } {
  const name = (product: string, of: keyof PeersRoot['versions']) => `${product} ${versions[of]}`;
  const python = [name('FastAPI', 'python3-fastapi'), name('Pydantic', 'python3-pydantic')];
  return {
    gin: `${name('Gin', 'golang-github-gin-gonic-gin-dev')} + ${name('pgx', 'golang-github-jackc-pgx-v4-dev')}`,
    fastapi: `${[...python, name('asyncpg', 'python3-asyncpg')].join(' + ')}, 2 workers`,
    about: `peers from Debian 13, with ${name('Go', 'golang-go')}, ${name('Uvicorn', 'python3-uvicorn')}, ${name('uvloop', 'python3-uvloop')}`,
  };
}
