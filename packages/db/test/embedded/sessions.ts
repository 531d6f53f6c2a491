import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, type QueryResultRow } from 'pg';

import type { Login, Pair } from '../../src/embedded/index.ts';

/** Runs one statement in a session of its own. */
export async function query<Row extends QueryResultRow>(
  { host, database }: Pair,
  port: number,
  { user, password }: Login,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new Client({ host, port, database, user, password, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {}); // shows in the query
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Waits for a condition; the name says what was waited for in vain. */
export async function waitUntil(what: string, deadlineMs: number, holds: () => unknown): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    await delay(10);
  }
}

/** A directory that other users can traverse to, removed afterwards. */
export function scratchDirectory(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'pgha-test-'));
  chmodSync(path, 0o755);
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export interface Writer {
  acknowledged: number[];
  longestGapMs(): number;
  stop(): Promise<void>;
}

/** Inserts one number after the other through the primary's port until stopped, and notes what was acknowledged. */
export function startWriter(pair: Pair): Writer {
  const acknowledged: number[] = [];
  let longestGapMs = 0;
  let stopping = false;
  const run = async () => {
    let lastMs = performance.now();
    for (let id = 0; !stopping; id += 1) {
      try {
        await query(pair, pair.primaryPort, pair.logins.owner, 'insert into ledger (id) values ($1)', [id]);
        acknowledged.push(id);
        longestGapMs = Math.max(longestGapMs, performance.now() - lastMs);
        lastMs = performance.now();
      } catch {
        // unknown, or refused: not acknowledged
        await delay(5);
      }
    }
  };
  const running = run();
  return {
    acknowledged,
    longestGapMs: () => longestGapMs,
    async stop() {
      stopping = true;
      await running;
    },
  };
}

/** Updates random rows of `counters` until stopped, through failovers. */
export function startUpdates(pair: Pair): { stop(): Promise<void> } {
  const statement = 'update counters set version = version + 1 where id = 1 + (random() * 9999)::int';
  let stopping = false;
  const run = async () => {
    while (!stopping) {
      // refused while there is no primary
      await query(pair, pair.primaryPort, pair.logins.owner, statement).catch(() => delay(5));
    }
  };
  const running = run();
  return {
    async stop() {
      stopping = true;
      await running;
    },
  };
}
