import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FIRST_STATE, type PairState, readState, writeState } from './state.ts';

describe('recorded state', () => {
  let file: string;
  beforeEach(() => {
    file = join(mkdtempSync(join(tmpdir(), 'pgha-state-')), 'state.json');
  });
  afterEach(() => rmSync(join(file, '..'), { recursive: true }));

  it('is read as it was written, and absent before', () => {
    const state: PairState = { ...FIRST_STATE, phase: 'ready', primary: 'pg2', synchronous: 'pg1', stale: [] };
    expect(readState(file)).toBeNull();
    writeState(file, state);
    expect(readState(file)).toEqual(state);
  });

  it.each([
    '',
    '{"version":1,"primary":"pg3"}',
    '{"version":1,"phase":"ready","primary":"pg1","synchronous":"x"}',
    '[]',
  ])('is not guessed at when it reads %j', (content) => {
    writeFileSync(file, content);
    expect(() => readState(file)).toThrow(/does not name the primary.*--fresh/);
  });
});
