import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const folder = fileURLToPath(new URL('./programs', import.meta.url));

/** What the machines' own program counts in these lines of pg_waldump 17. */
function count(lines: readonly string[]): Record<string, unknown> {
  const script = 'import json, sys, pgha_wal\njson.dump(pgha_wal.count(sys.stdin), sys.stdout)';
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  return JSON.parse(execFileSync('python3', ['-c', script], { input: lines.join('\n'), env }).toString());
}

const record = (transaction: number, lsn: string, description: string) =>
  `rmgr: Heap        len (rec/tot):     54/   150, tx: ${`${transaction}`.padStart(10)}, lsn: ${lsn}, prev 0/30000A8, desc: ${description}`;
const change = (transaction: number, what: string, relation = 16_400) =>
  record(transaction, '0/3000100', `${what} off: 2, flags: 0x00, blkref #0: rel 1663/16384/${relation} blk 0`);
const commit = (transaction: number, lsn: string, second: string, more = '') =>
  record(transaction, lsn, `COMMIT 2026-03-01 10:00:${second} UTC${more}`);

describe('what a stretch of WAL holds', () => {
  it('is its commits and the rows of tables they changed', () => {
    const found = count([
      change(750, 'INSERT+INIT'),
      change(750, 'HOT_UPDATE'),
      change(751, 'DELETE'),
      commit(750, '0/3000200', '01.500000'),
      record(
        752,
        '0/3000300',
        'MULTI_INSERT+INIT ntuples: 40, flags: 0x02, offsets: [1], blkref #0: rel 1663/16384/16400 blk 1',
      ),
      change(753, 'UPDATE'),
      commit(752, '0/3000400', '04.000000', '; subxacts: 753'),
    ]);
    expect(found).toEqual({
      commits: 2,
      // 751 has not committed
      rows: 43,
      firstAt: '2026-03-01 10:00:01.500000 UTC',
      lastAt: '2026-03-01 10:00:04.000000 UTC',
      lastLsn: '0/3000400',
      seconds: 2.5,
    });
  });

  it('has no rows of catalogs, nor of what only locks', () => {
    const lines = [change(750, 'INSERT', 1_259), change(750, 'LOCK'), commit(750, '0/3000200', '01.000000')];
    expect(count(lines)).toMatchObject({ commits: 1, rows: 0, seconds: 0 });
  });

  it('is nothing where nothing was committed', () => {
    expect(count([change(750, 'INSERT')])).toEqual({
      commits: 0,
      rows: 0,
      firstAt: null,
      lastAt: null,
      lastLsn: null,
      seconds: 0,
    });
  });
});
