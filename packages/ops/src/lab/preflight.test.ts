import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineCluster } from '@pgha/infra/cluster';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RefusedError } from '../exit-codes.ts';
import { checkSurroundings } from './preflight.ts';

const cluster = defineCluster({ adminCidrs: ['192.0.2.0/24'] });

describe('before a lab is built', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pgha-preflight-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const refusal = async (around: Parameters<typeof checkSurroundings>[2], wanted = cluster) => {
    const places = { root: join(folder, 'lab'), cache: join(folder, 'cache') };
    const error = await checkSurroundings(places, wanted, around).then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(RefusedError);
    return (error as RefusedError).message;
  };

  it('another kernel than Linux is refused, with what helps', async () => {
    expect(await refusal({ platform: 'darwin', userId: 501, path: '' })).toMatch(
      /this is darwin\. Use a Linux virtual machine/,
    );
  });

  it.runIf(process.platform === 'linux')(
    'everything missing is named at once, with the packages that have it',
    async () => {
      const message = await refusal({ platform: 'linux', userId: 1000, path: folder });
      expect(message).toContain('Use sudo.');
      expect(message).toContain('systemd-nspawn not found');
      expect(message).toContain('apt-get install iproute2 mmdebstrap mount util-linux systemd-container');
    },
  );

  it.runIf(process.platform === 'linux')('a range of the lab itself is refused for the cluster', async () => {
    const overlapping = defineCluster({ adminCidrs: ['192.0.2.0/24'], primary: { cidr: '10.41.0.0/16' } });
    const message = await refusal({ platform: 'linux', userId: 1000, path: folder }, overlapping);
    expect(message).toContain('the CIDR range 10.41.0.0/16 of the cluster overlaps');
  });
});
