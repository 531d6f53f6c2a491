import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf } from '../markdown.ts';
import { kindOf } from './blocks.ts';
import { openTerminal, readersEnvironment, type Terminal } from './terminal.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const blocks = blocksOf(readFileSync(join(root, 'README.md'), 'utf8'));

/** What `npm start` takes unless it is told otherwise, as the README does not: the same numbers are in its blocks. */
const defaultPorts = [8000, 8001, 54_320, 54_321, 54_322, 54_323, 54_328];

/** The dependencies are installed from the store into the fresh directory, and the two servers created. */
const startDeadlineMs = 600_000;
const blockDeadlineMs = 60_000;

describe('the README, pasted from top to bottom in a fresh directory', () => {
  let folder: string;
  let started: ReturnType<typeof start>;
  let terminal: Terminal;

  beforeAll(async () => {
    for (const port of defaultPorts) await expectFree(port);
    folder = mkdtempSync(join(tmpdir(), 'pgha-readme-'));
    copyTree(folder);
    started = start(folder);
    await started.ready;
    terminal = openTerminal(folder);
  }, startDeadlineMs);

  afterAll(async () => {
    await terminal?.close();
    await started?.stop();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('begins with the two commands, and "npm start" prints the table that is shown', () => {
    const [first] = blocks;
    expect(first?.text).toMatch(/^npm start .*\nnpm test .*\n$/);
    const shown = displayedBehind(first).filter((line) => line !== '');
    expect(shown.length).toBeGreaterThan(5);
    for (const line of shown) expect(started.said()).toContain(line);
  });

  it('runs every other block as it stands, and each prints what is shown', async () => {
    const executed = blocks.filter((block) => block.language === 'sh' && kindOf(block) === 'executed');
    expect(executed.length).toBeGreaterThan(3);
    const printed: string[] = [];
    for (const block of executed) {
      const said = await terminal.paste(block.text, blockDeadlineMs);
      printed.push(said);
      for (const line of displayedBehind(block)) expect(generic(said)).toContain(generic(line));
    }
    const [created, read, repeated, afterKill] = printed;
    expect(created).toMatch(/^HTTP\/1.1 201 Created\r$/m);
    expect(read).toMatch(/^HTTP\/1.1 200 OK\r$/m);
    expect(repeated).toMatch(/^HTTP\/1.1 201 Created\r$/m);
    expect(repeated).toMatch(/^idempotency-replayed: true\r$/m);
    expect(bodyOf(repeated)).toBe(bodyOf(created));
    expect(afterKill).toMatch(/^HTTP\/1.1 201 Created\r$/m);
  });
});

/** `npm start` in the first terminal. */
function start(folder: string) {
  const npm = spawn('npm', ['start'], { cwd: folder, env: readersEnvironment(), detached: true });
  const ended = once(npm, 'exit');
  let said = '';
  const ready = new Promise<void>((resolve, reject) => {
    for (const output of [npm.stdout, npm.stderr]) {
      output.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('Ctrl-C stops everything')) resolve();
      });
    }
    npm.once('error', reject);
    npm.once('exit', (code) => reject(new Error(`npm start exited with ${code}:\n${said}`)));
  });
  return {
    ready,
    said: () => said,
    // as Ctrl-C does it: everybody in the terminal's foreground gets the signal
    stop: async () => {
      if (npm.pid !== undefined && npm.exitCode === null) process.kill(-npm.pid, 'SIGINT');
      await ended;
    },
  };
}

/** A copy of the tree without what a clone would not have. */
function copyTree(folder: string): void {
  const absent = new Set(['node_modules', '.git', '.pgha', '.turbo', 'cdktf.out', '__pycache__']);
  const ignored = new Set(['pgha.config.ts', '.env']);
  cpSync(root, folder, {
    recursive: true,
    filter: (source) => {
      const parts = relative(root, source).split(sep);
      return !parts.some((part) => absent.has(part)) && !ignored.has(parts.join('/'));
    },
  });
}

async function expectFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening').catch((cause: unknown) => {
    throw new Error(`port ${port} is in use, and the README is run with the default ports of "npm start"`, { cause });
  });
  server.close();
  await once(server, 'close');
}

/** The lines of the block without a language that follows a block: what a reader is told it prints. */
function displayedBehind(block: Block | undefined): readonly string[] {
  const next = block === undefined ? undefined : blocks[blocks.indexOf(block) + 1];
  return next?.language === '' ? next.text.trimEnd().split('\n') : [];
}

/** A line without what differs from run to run: positions, times, the number of an item. */
const generic = (text: string): string =>
  text
    .replaceAll('\r', '')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b[0-9A-F]+\/[0-9A-F]+;tl=\d+/g, 'LSN');

const bodyOf = (answer: string | undefined): string => /^\{.*\}/m.exec(answer ?? '')?.[0] ?? 'no body';
