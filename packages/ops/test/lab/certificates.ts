import { allNodes } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ListedCertificate } from '../../src/operations/secrets/certificate-list.ts';
import { fingerprintOf, splitPem } from '../../src/secrets/index.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { type RunningLab, runPgha } from './running-lab.ts';
import { underLoad } from './under-load.ts';
import { expectUnharmed } from './unharmed.ts';

/** The machines' certificates are looked at and renewed. */
export function certificatesSuite(provided: () => RunningLab): void {
  describe('the certificates of the machines', () => {
    let lab: RunningLab;
    let page: Runbook;
    beforeAll(() => {
      lab = provided();
      page = openRunbook('certificates.md');
    });

    const listed = async () => {
      const { stdout, stderr } = await runPgha(['certs', 'list', '--json', '--lab']);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as readonly ListedCertificate[];
    };

    it('are listed where they are stored and where they lie', async () => {
      const { code, stdout, stderr } = await page.run('pgha certs list');
      expect(code, stderr).toBe(0);
      for (const { name } of allNodes(lab.cluster))
        expect(stdout).toMatch(new RegExp(`^${name} +store .* current$`, 'm'));
      expect((await listed()).filter(({ state }) => state !== 'current')).toEqual([]);
    });

    it('are left alone while they are current', async () => {
      expect((await page.run('pgha certs renew')).stdout).toBe('all certificates are up to date\n');
      const { stdout } = await page.run('pgha certs renew --all --dry-run');
      for (const { name } of allNodes(lab.cluster))
        expect(stdout).toContain(`Check that ${name} serves the new certificate`);
    });

    it('are renewed for a new key, and no client is told of anything', async () => {
      const { verdict } = await underLoad(lab, 'renewal of a certificate', async () => {
        const { code, stdout, stderr } = await page.run('pgha certs renew --machine pg-2 --new-keys');
        expect([code, stdout], stderr).toEqual([0, 'pg-2: renewed\n']);
      });
      expectUnharmed(verdict);
      expect((await listed()).filter(({ state }) => state !== 'current')).toEqual([]);
    });

    it('come from another CA once clients outside have it, and none is told of anything', async () => {
      const ofOld = fingerprintOf(lab.access.ca);
      const trusting = await underLoad(lab, 'a second CA is trusted', async () => {
        const { code, stdout, stderr } = await page.run('pgha secrets rotate ca --trust-only');
        expect(code, stderr).toBe(0);
        expect(stdout).toContain('All nodes trust both CAs');
      });
      expectUnharmed(trusting.verdict);
      const { stdout: both } = await page.run('pgha secrets show ca');
      expect(splitPem(both)).toHaveLength(2);
      lab.access = { ...lab.access, ca: both };

      const startedAt = Date.now();
      const replacing = await underLoad(lab, 'rotation of the CA', async () => {
        const { code, stdout, stderr } = await page.run('pgha secrets rotate ca --yes');
        expect(code, stderr).toBe(0);
        expect(stdout).toContain('changed: ca');
      });
      console.log(`the CA, once both are trusted: ${((Date.now() - startedAt) / 1_000).toFixed(0)} s`);
      expectUnharmed(replacing.verdict);
      const { stdout: alone } = await page.run('pgha secrets show ca');
      expect(splitPem(alone).map(fingerprintOf)).toEqual([expect.not.stringMatching(ofOld)]);
      lab.access = { ...lab.access, ca: alone };
      expect((await listed()).filter(({ state }) => state !== 'current')).toEqual([]);
      expect(page.unrun()).toEqual([]);
    });
  });
}
