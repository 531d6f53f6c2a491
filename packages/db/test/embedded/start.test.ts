import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { identifyProcess, isRunning, postgresProcesses } from '../../src/embedded/processes.ts';
import { scratchDirectory, waitUntil } from './sessions.ts';

const LAUNCHER = fileURLToPath(new URL('../../src/embedded/launch.js', import.meta.url));
const ANY_PORTS = ['api', 'read-api', 'primary', 'replica', 'status'].map((name) => `--${name}-port=0`);

interface Run {
  process: ChildProcess;
  said(): string;
  /** The first URL on the line of the table that begins so. */
  url(row: string): string;
  ended: Promise<number | null>;
}

describe('npm start', () => {
  let scratch: ReturnType<typeof scratchDirectory>;
  let dir: string;
  let runs: Run[];

  beforeEach(() => {
    scratch = scratchDirectory();
    dir = join(scratch.path, 'pgha');
    runs = [];
  });
  afterEach(async () => {
    for (const { process: launcher } of runs) launcher.kill('SIGKILL');
    await waitUntil('no server is left', 30_000, () => servers().length === 0);
    scratch.remove();
  });

  const servers = () => ['pg1', 'pg2'].flatMap((name) => postgresProcesses(join(dir, 'data', name)));

  function launch(...options: string[]): Run {
    const started = spawn(
      process.execPath,
      [LAUNCHER, `--dir=${dir}`, ...ANY_PORTS, '--member-ports=0,0', ...options],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let said = '';
    for (const output of [started.stdout, started.stderr]) {
      output?.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
    }
    const run: Run = {
      process: started,
      said: () => said,
      url: (row) => new RegExp(`^ *${row} +(\\S+)`, 'm').exec(said)?.[1] ?? `no ${row} in ${said}`,
      ended: once(started, 'exit').then(([code]) => code as number | null),
    };
    runs.push(run);
    return run;
  }

  async function launched(...options: string[]): Promise<Run> {
    const run = launch(...options);
    await waitUntil(`everything is ready in ${dir}`, 90_000, () => {
      if (run.process.exitCode !== null) throw new Error(run.said());
      return run.said().includes('Ctrl-C stops everything');
    }).catch((cause: Error) => {
      throw new Error(`${cause.message}; it said:\n${run.said()}`, { cause });
    });
    return run;
  }

  async function ready(url: string): Promise<boolean> {
    return (await fetch(`${url}/ready`).catch(() => null))?.status === 200;
  }

  it('serves both APIs, rides through a lost primary, and stops cleanly on Ctrl-C', async () => {
    const run = await launched();
    const [writes, reads] = [run.url('write API'), run.url('read API')];
    const post = (name: string) =>
      fetch(`${writes}/items`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': name },
        body: JSON.stringify({ name, price: 9.5 }),
      });
    const created = await post('first');
    expect(created.status).toBe(201);
    const lsn = created.headers.get('commit-lsn') ?? '';
    const read = await fetch(`${reads}${created.headers.get('location')}`, { headers: { 'min-lsn': lsn } });
    expect(await read.json()).toMatchObject({ name: 'first', price: 9.5 });
    expect((await fetch(`${writes}/docs/`)).status).toBe(200);

    const postmaster = Number(readFileSync(join(dir, 'data/pg1/postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(postmaster, 'SIGKILL');
    expect((await post('second')).status).toBe(201);
    await waitUntil('the failover is told', 5_000, () => /^\d\d:\d\d:\d\d {2}pg2 is the primary now/m.test(run.said()));
    await waitUntil('the old primary is back', 30_000, () => run.said().includes('replica pg1 is synchronous'));

    run.process.kill('SIGINT');
    run.process.kill('SIGINT'); // as npm does: the terminal's and its own
    expect(await run.ended).toBe(0);
    expect(run.said()).toMatch(/stopped\n$/);
    expect(run.said()).not.toContain('without waiting');
    expect(servers()).toEqual([]);
  });

  it('keeps its data between runs, and its secrets out of what it prints and logs', async () => {
    const first = await launched();
    const { owner, app, readonly, superuser } = JSON.parse(readFileSync(join(dir, 'logins.json'), 'utf8')) as Record<
      string,
      { password: string }
    >;
    first.process.kill('SIGTERM');
    expect(await first.ended).toBe(0);
    const second = await launched();
    expect(second.said()).toContain('the schema is up to date');
    second.process.kill('SIGTERM');
    expect(await second.ended).toBe(0);
    const logs = join(dir, 'logs');
    const written = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'));
    expect(written.length).toBeGreaterThan(4);
    for (const login of [owner, app, readonly, superuser]) {
      for (const text of [first.said(), second.said(), ...written]) expect(text).not.toContain(login?.password);
    }
  });

  it('starts a service again that ends by itself, and says so', async () => {
    const run = await launched();
    const reads = run.url('read API');
    const service = serviceOn(dir, 'read-api');
    process.kill(service, 'SIGKILL');
    await waitUntil('it is said', 5_000, () => run.said().includes('the read API exited (SIGKILL): restarting it'));
    await waitUntil('it is ready again', 20_000, () => ready(reads));
  });

  it('ends everything when the process npm waits for is killed', async () => {
    const run = await launched();
    const services = ['api', 'read-api'].map((name) => serviceOn(dir, name));
    const identities = services.map((pid) => identifyProcess(pid)).filter((identity) => identity !== null);
    expect(identities).toHaveLength(2);
    run.process.kill('SIGKILL');
    await waitUntil('the servers have ended', 30_000, () => servers().length === 0);
    await waitUntil('the services have ended', 10_000, () => !identities.some(isRunning));
  });

  it('answers a second start in the same place, and a taken port, with one clear line', async () => {
    const run = await launched();
    const again = launch();
    expect(await again.ended).toBe(3);
    expect(again.said()).toMatch(/^pgha: another pgha \(pid \d+\) is using \S+; stop it first, .*\n$/);
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const { port } = squatter.address() as AddressInfo;
    run.process.kill('SIGTERM');
    await run.ended;
    for (const option of ['--api-port', '--replica-port', '--status-port']) {
      const refused = launch(`${option}=${port}`);
      expect(await refused.ended).toBe(3);
      expect(refused.said()).toMatch(
        new RegExp(
          `pgha: port ${port} is already in use; choose another with ${option} or stop the program that uses it\n$`,
        ),
      );
    }
    squatter.close();
  });

  it('teaches its options, and answers a mistake with one line', async () => {
    const help = launch('--help');
    expect(await help.ended).toBe(0);
    expect(help.said()).toContain('npm start -- --fresh');
    const mistake = launch('--prot=1');
    expect(await mistake.ended).toBe(2);
    expect(mistake.said()).toMatch(/^pgha: Unknown option '--prot'.*\n$/);
  });
});

/** The process that writes this service's log. */
function serviceOn(dir: string, name: string): number {
  const log = join(dir, 'logs', `${name}.log`);
  const owner = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .find((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/1`) === log;
      } catch {
        return false; // ended meanwhile
      }
    });
  if (owner === undefined) throw new Error(`nobody writes ${log}`);
  return Number(owner);
}
