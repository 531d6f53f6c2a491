import { type ChildProcess, spawn } from 'node:child_process';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { readSettings } from '../../src/config.ts';
import { command } from '../../src/lab/command.ts';
import { waitUntil } from '../../src/wait-until.ts';

const packages = ['python3-boto3', 'python3-flask', 'python3-flask-cors', 'python3-moto'];

/** moto on a loopback port of this computer: what answers in the place of AWS. */
export interface StandIn {
  /** What the SDK takes from the environment: endpoint and credentials. */
  environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts moto from the lab's image, or from a root built for it, and waits until it answers. */
export async function startStandIn(): Promise<StandIn> {
  const root = (await findImage()) ?? (await buildRoot());
  const port = await freePort();
  const child = spawn('chroot', [root, 'moto_server', '-H', '127.0.0.1', '-p', `${port}`], {
    stdio: 'ignore',
    // machines may stand on the image: nothing is written into it
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', PYTHONDONTWRITEBYTECODE: '1' },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await waitUntil(async () => (await fetch(`${endpoint}/moto-api/`)).ok, {
    what: 'an answer of moto',
    timeoutMs: 60_000,
    everyMs: 200,
    signal: new AbortController().signal,
  });
  return {
    environment: { AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
    stop: () => end(child),
  };
}

/** An image of the lab: moto is in it. */
async function findImage(): Promise<string | null> {
  const images = join(readSettings().labPlaces.cache, 'images');
  for (const name of await readdir(images).catch(() => [])) {
    if (!name.startsWith('unfinished') && (await exists(join(images, name, 'usr/bin/moto_server')))) {
      return join(images, name);
    }
  }
  return null;
}

async function buildRoot(): Promise<string> {
  const folder = join(readSettings().labPlaces.cache, 'stand-in');
  const [root, unfinished] = [join(folder, 'root'), join(folder, 'unfinished')];
  if (await exists(root)) return root;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await command(['mmdebstrap', '--variant=minbase', `--include=${packages.join(',')}`, 'trixie', unfinished], {
    timeoutMs: 600_000,
  });
  await rename(unfinished, root);
  return root;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
