import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A server process of the benchmark, ready to answer. */
export interface Running {
  url: string;
  stop(): Promise<void>;
}

const readyDeadlineMs = 90_000;

/** A TCP port nobody has at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts `command` with `env` and waits until `readyPath` answers 200. Throws with what it printed when it ends first. */
export async function startServer(
  command: string[],
  env: Record<string, string>,
  port: number,
  readyPath: string,
): Promise<Running> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-4_000);
  });
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + readyDeadlineMs;
  while (!(await answers(`${url}${readyPath}`))) {
    if (child.exitCode !== null)
      throw new Error(`${command.join(' ')} exited with status ${child.exitCode}: ${errors}`);
    if (Date.now() > deadline)
      throw new Error(`${command.join(' ')} was not ready within ${readyDeadlineMs} ms: ${errors}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { url, stop: () => stop(child) };
}

/** A service of this repository, as its own process. `entry` is relative to this file. */
export async function startService(entry: string, env: Record<string, string>): Promise<Running> {
  const port = await freePort();
  const path = fileURLToPath(new URL(entry, import.meta.url));
  return startServer([process.execPath, path], { ...env, HOST: '127.0.0.1', PORT: String(port) }, port, '/ready');
}

/** Runs a script of this folder to its end and answers what it printed. */
export async function runScript(entry: string, args: string[], env: Record<string, string>): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(entry, import.meta.url)), ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`${entry} exited with status ${code}`);
  return output;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    (response) => response.ok,
    () => false,
  );
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
