import { defineCluster } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../../hosts/fake.ts';
import type { Installation } from '../../installation/installation.ts';
import { demotedName, findKept, formerDemotedName, preRestoreName } from './kept.ts';

const time = '2025-01-15T15:00:00.123Z';

describe('the name of retained data', () => {
  it('says why it is retained, and since when', () => {
    expect(demotedName(time)).toBe('demoted-20250115t150000');
    expect(preRestoreName(new Date(time))).toBe('pre-restore-20250115t150000');
    expect(formerDemotedName(time)).toBe('given-up-20250115t150000');
  });
});

describe('retained data', () => {
  it('is found by its names of today and by those of older releases', async () => {
    const names = [
      demotedName(time),
      formerDemotedName(time),
      preRestoreName(new Date(time)),
      'before-20250115t150000',
    ];
    const state = {
      kept: names.map((id) => ({ id, sizeBytes: 1, createdAt: Date.parse(time) / 1_000 })),
    };
    const installation: Pick<Installation, 'cluster' | 'host'> = {
      cluster: defineCluster({ dr: null }),
      host: ({ name }) =>
        createFakeHost(name, () =>
          name === 'pg-1'
            ? { exitCode: 0, stdout: JSON.stringify(state), stderr: '' }
            : { exitCode: 1, stdout: '', stderr: 'no such program' },
        ),
    };
    const found = await findKept(installation);
    expect(found.map(({ id, of, machine }) => [id, of, machine])).toEqual([
      [names[0], 'region', 'pg-1'],
      [names[1], 'region', 'pg-1'],
      [names[2], 'restore', 'pg-1'],
      [names[3], 'restore', 'pg-1'],
    ]);
  });
});
