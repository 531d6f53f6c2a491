import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Region, regionsOf } from '@pgha/infra/cluster';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RestoreTestResult } from '../../src/clients/restore-test.ts';
import { runChecked } from '../../src/hosts/host.ts';
import { provideAuthority, s3Client } from '../../src/lab/aws.ts';
import { labBucket } from '../../src/lab/site.ts';
import type { Verification } from '../../src/operations/backup/verify.ts';
import { listBackups, waitForFirstBackups } from './first-backups.ts';
import { openRunbook, type Runbook } from './runbook.ts';
import { ask, hostOf, leaderOf, type RunningLab, runPgha } from './running-lab.ts';

interface Verified {
  repositories: readonly Verification[];
  restoreTests: readonly RestoreTestResult[];
}

/** Backups: taken, listed, read, and restored to see whether they are any good. */
export function backupSuite(provided: () => RunningLab): void {
  describe('backups', () => {
    let lab: RunningLab;
    let page: Runbook;
    let verification: Runbook;
    beforeAll(async () => {
      lab = provided();
      page = openRunbook('backups.md');
      verification = openRunbook('verify-backups.md');
      await waitForFirstBackups(lab);
    });

    const newest = async (repository: number) =>
      (await listBackups()).find((each) => each.repository === repository)?.backups?.at(-1);
    const verify = async (...options: readonly string[]) => {
      const { code, stdout, stderr } = await runPgha(['backup', 'verify', '--json', '--lab', ...options]);
      if (stdout === '') throw new Error(stderr);
      return { code, found: JSON.parse(stdout) as Verified };
    };

    it('are taken into both repositories, and listed with what can be restored', async () => {
      const { code, stdout } = await page.run('pgha backup create --type diff');
      expect(code).toBe(0);
      expect(stdout).toMatch(/^repository 1: \S+D\nrepository 2: \S+D\n$/);
      const { stdout: text } = await page.run('pgha backup list');
      for (const { repository, region, backups, window } of await listBackups()) {
        expect(backups?.map(({ type }) => type)).toEqual(expect.arrayContaining(['full', 'diff']));
        expect(Date.parse(window?.to ?? '') - Date.parse(window?.from ?? '')).toBeGreaterThan(0);
        expect(text).toContain(`repository ${repository} (${region}): recovery window`);
        for (const { label, wal } of backups ?? []) {
          expect(text).toContain(label);
          expect(text).toContain(`${wal.start} - ${wal.stop}`);
        }
      }
    });

    it('go on when the command is killed, and the same command waits for them', async () => {
      const before = await newest(2);
      const args = ['backup', 'create', '--type', 'full', '--repo', '2', '--lab'];
      const killed = await runPgha(args, /waiting for|% of/);
      expect(killed.code).toBeNull();
      const { code, stdout } = await page.run('pgha backup create --type full --repo 2');
      expect(code).toBe(0);
      const after = await newest(2);
      expect(after).toMatchObject({ type: 'full' });
      expect(after?.label).not.toBe(before?.label);
      expect(stdout).toBe(`repository 2: ${after?.label}\n`);
    });

    it('are whole when nothing is wrong with them', async () => {
      const { code, stdout } = await verification.run('pgha backup verify');
      expect(stdout).toMatch(/^repository 1: OK; .*\nrepository 2: OK; /);
      expect(code).toBe(0);
    });

    it('that were damaged are found and named: a flipped byte, an object that is gone', async () => {
      const second = regionsOf(lab.cluster)[1] ?? lab.cluster.primary;
      const store = await openStore(lab, second);
      try {
        const keys = await store.keys();
        const label = (await newest(2))?.label ?? '';
        const bundle = keys.find((key) => key.includes(`${label}/bundle/`)) ?? expect.fail('no bundle');
        // neither the first nor the last segment: of those nobody could say that they ever were
        const segments = keys.filter((key) => /archive\/.*\/[0-9A-F]{24}-/.test(key)).sort();
        const segment = segments.at(-3) ?? expect.fail('no WAL');
        const [bundleBytes, segmentBytes] = [await store.read(bundle), await store.read(segment)];
        await store.write(bundle, flipped(bundleBytes));
        await store.remove(segment);
        const { code, found } = await verify('--repo', '2');
        await store.write(bundle, bundleBytes);
        await store.write(segment, segmentBytes);
        expect(code).toBe(1);
        const objects = found.repositories[0]?.damages.map(({ object }) => object) ?? [];
        expect(objects).toContain(bundle.slice(bundle.indexOf(label)));
        expect(objects).toContain(/([0-9A-F]{24})-/.exec(segment)?.[1]);
        const mended = await verify('--repo', '2');
        expect(mended.found.repositories[0]?.damages).toEqual([]);
        expect(mended.code).toBe(0);
      } finally {
        store.close();
      }
    });

    it('that differ from the primary in a single row are found', async () => {
      await ask(lab, await leaderOf(lab), 'create table if not exists control (id int, text text)');
      await ask(lab, await leaderOf(lab), 'alter table control owner to pgha_owner');
      await ask(lab, await leaderOf(lab), "insert into control select g, 'x' from generate_series(1, 1000) g");
      const names = lab.cluster.primary.nodes.filter(({ role }) => role === 'postgres').map(({ name }) => name);
      // between the restore and the comparison, somebody changes the restored server
      const tamper = "begin read write; update control set text = 'y' where id = 500; commit";
      const dropIn = `[Service]
ExecStart=
ExecStart=/usr/local/lib/pgha/restore-test restore %i
ExecStart=/usr/bin/psql -X -h /var/lib/postgresql/scratch/test -d ${lab.cluster.database} -c "${tamper}"
ExecStart=/usr/local/lib/pgha/restore-test compare
`;
      const folder = '/run/systemd/system/pgha-restore-test@.service.d';
      const onEach = async (script: string) => {
        for (const name of names) await runChecked(hostOf(lab, name), ['sh', '-euc', script]);
      };
      await onEach(`mkdir -p ${folder}; cat > ${folder}/tamper.conf <<'E'\n${dropIn}E\nsystemctl daemon-reload`);
      try {
        const { code, found } = await verify('--restore', '--repo', '1');
        expect(found.restoreTests[0]).toMatchObject({
          ok: false,
          differences: [{ table: 'public.control', live: { rows: 1000 }, restored: { rows: 1000 } }],
        });
        expect(code).toBe(1);
      } finally {
        await onEach(`rm -r ${folder}; systemctl daemon-reload`);
        await ask(lab, await leaderOf(lab), 'drop table control');
      }
    });

    // behind the one that differs, which `pgha status` would name until another one is equal
    it('are restored beside a replica and equal the primary, whose result the node exporter gets', async () => {
      const leader = await leaderOf(lab);
      for (const statement of ofEveryKind) await ask(lab, leader, statement);
      const { code, stdout } = await verification.run('pgha backup verify --restore --repo 1');
      console.log(stdout);
      await ask(lab, leader, 'drop table admin_t, hidden_rows, not_logged; drop materialized view as_of_once');
      expect(stdout).toMatch(/not compared \(unlogged: [^)]*\): public\.not_logged\n/);
      expect(stdout).toMatch(/not compared \(a materialized view: [^)]*\): public\.as_of_once\n/);
      expect(stdout).not.toMatch(/admin_t|hidden_rows/);
      expect(stdout).toMatch(/restore test of repository 1 on pg-\d: passed\n/);
      expect(code).toBe(0);
      const machine = /on (pg-\d): passed/.exec(stdout)?.[1] ?? '';
      expect(machine).not.toBe(await leaderOf(lab));
      const figures = await hostOf(lab, machine).readFile('/run/pgha-metrics/pgha-restore-test.prom');
      expect(figures).toContain('pgha_restore_test_success{repository="1"} 1');
      expect(figures).toMatch(/pgha_restore_test_part_seconds\{part="total"\} \d/);
      const left = await runChecked(hostOf(lab, machine), ['ls', '-A', '/var/lib/postgresql/scratch']);
      expect(left).not.toContain('test');
    });

    it('is what the pages describe: every command of them was run', async () => {
      await verification.run('pgha backup create --type full --repo 2');
      expect(page.unrun()).toEqual([]);
      expect(verification.unrun()).toEqual([]);
    });
  });
}

/** A superuser's table, one whose rows no owner sees, and two that a comparison has to leave out. */
const ofEveryKind = [
  'create table admin_t (id int); insert into admin_t values (1)',
  'create table hidden_rows (id int); insert into hidden_rows values (1); alter table hidden_rows owner to pgha_owner',
  'alter table hidden_rows enable row level security, force row level security',
  'create unlogged table not_logged (id int); insert into not_logged values (1)',
  'create materialized view as_of_once as select 1',
];

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const middle = Math.floor(copy.length / 2);
  copy[middle] = (copy[middle] ?? 0) ^ 0xff;
  return copy;
}

/** A region's backup bucket, as an intruder or a broken disk changes it. */
async function openStore(lab: RunningLab, region: Region) {
  const client: S3Client = s3Client(region, await provideAuthority(lab.places));
  const Bucket = labBucket(lab.cluster, region, 'backups');
  return {
    keys: async () => {
      const keys: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket, ...(ContinuationToken === undefined ? {} : { ContinuationToken }) }),
        );
        keys.push(...(page.Contents ?? []).flatMap(({ Key }) => Key ?? []));
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
      return keys;
    },
    read: async (Key: string) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
    write: async (Key: string, Body: Buffer) => void (await client.send(new PutObjectCommand({ Bucket, Key, Body }))),
    remove: async (Key: string) => void (await client.send(new DeleteObjectCommand({ Bucket, Key }))),
    close: () => client.destroy(),
  };
}
