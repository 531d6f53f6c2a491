import { nodesOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { buildRelease } from '../../src/artifact/release.ts';
import { readSettings } from '../../src/config.ts';
import { createLocalHost } from '../../src/hosts/local.ts';
import { provideAuthority, s3Client } from '../../src/lab/aws.ts';
import { releasesFolder } from '../../src/lab/places.ts';
import { labBucket } from '../../src/lab/site.ts';
import { planApiDeploy, planApiRollback, readApiStates } from '../../src/operations/api-release.ts';
import { hostOf, type RunningLab } from './running-lab.ts';
import { underLoad } from './under-load.ts';

/** New releases of the services while clients use them. */
export function redeploySuite(provided: () => RunningLab): void {
  describe('a redeploy of both services under load', () => {
    it('fails no request, and neither does the rollback', async () => {
      const lab = provided();
      const { workspace } = readSettings();
      const built = await buildRelease(
        createLocalHost(workspace),
        workspace,
        releasesFolder(lab.places),
        process.execPath,
      );
      // the same content under another name is another release to the machine
      const release = { ...built, version: `${built.version}-again-${Date.now()}` };
      const s3 = s3Client(lab.cluster.primary, await provideAuthority(lab.places));
      const servers = {
        hosts: nodesOf(lab.cluster.primary, 'api').map(({ name }) => hostOf(lab, name)),
        bucket: labBucket(lab.cluster, lab.cluster.primary, 'artifacts'),
        s3,
      };
      try {
        const before = await readApiStates(servers);
        const deploy = await underLoad(lab, 'redeploy', async () => {
          const steps = planApiDeploy(
            () => servers,
            () => release,
          );
          for (const step of steps) await step.run(() => undefined);
        });
        expect((await readApiStates(servers)).map(({ current }) => current)).toEqual([release.version]);
        const rollback = await underLoad(lab, 'rollback', async () => {
          const steps = planApiRollback(servers, await readApiStates(servers));
          for (const step of steps) await step.run(() => undefined);
        });
        expect((await readApiStates(servers)).map(({ current }) => current)).toEqual(
          before.map(({ current }) => current),
        );
        for (const { verdict } of [deploy, rollback]) {
          expect(verdict.isValid).toBe(true);
          expect(verdict.counts).toMatchObject({ fail: 0, unknown: 0, readsFail: 0 });
        }
      } finally {
        s3.destroy();
      }
    });
  });
}
