import { execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Cluster, membersOf, nodesOf, type Region } from '@pgha/infra/cluster';
import { askAnyMember, type PatroniCluster } from '../../src/clients/patroni.ts';
import { readSettings } from '../../src/config.ts';
import { type Host, runChecked } from '../../src/hosts/host.ts';
import { type ClusterAccess, patroniEndpoints, readAccess } from '../../src/lab/access.ts';
import { provideAuthority } from '../../src/lab/aws.ts';
import { type ControlGroups, findControlGroups } from '../../src/lab/control-groups.ts';
import { labHost } from '../../src/lab/machines.ts';
import type { Places } from '../../src/lab/places.ts';
import { readRecord } from '../../src/lab/record.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A lab that is up, as the tests use it. */
export interface RunningLab {
  places: Places;
  groups: ControlGroups;
  cluster: Cluster;
  access: ClusterAccess;
  /** Ends it, unless it ran before the tests did. */
  end(): Promise<void>;
}

/** Runs `pgha …` as a person does; throws with what it said when it fails. */
export function pgha(...args: string[]): Promise<string> {
  return pghaWith({}, ...args);
}

/** The same with more variables in its environment. */
export async function pghaWith(environment: Readonly<Record<string, string>>, ...args: string[]): Promise<string> {
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { maxBuffer: 64 * 1024 ** 2, env });
  return stdout;
}

/** How a command ended. */
export interface Ended {
  /** null: a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs `pgha …` whatever its end.
 *
 * @param killAt ends it without warning as soon as its progress shows this.
 */
export function runPgha(args: readonly string[], killAt?: RegExp): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
      if (killAt?.test(stderr) === true) child.kill('SIGKILL');
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A lab that a suite needs. */
interface Wanted {
  nodes: 2 | 3;
  /** The second region; with an API server of its own, for clients that outlive the first one. */
  dr: 'none' | 'standby' | 'with-api';
  /** A data volume on every database machine, which can be filled. */
  dataVolumes: boolean;
}

/**
 * The lab that runs already, when it is what is wanted, or a fresh one. CI trusts no lab that it did not boot.
 *
 * @param wanted three nodes with a second region, unless something else is said.
 */
export async function provideLab(wanted: Partial<Wanted> = {}): Promise<RunningLab> {
  const { nodes, dr, dataVolumes }: Wanted = { nodes: 3, dr: 'standby', dataVolumes: false, ...wanted };
  const regions = { none: [], standby: ['--dr'], 'with-api': ['--dr-api'] }[dr];
  const options = ['--nodes', `${nodes}`, ...regions, ...(dataVolumes ? ['--data-volumes'] : [])];
  const places = readSettings().labPlaces;
  if (process.env['CI'] !== undefined) await pgha('lab', 'down');
  const there = await readRecord(places);
  const isOurs = there?.phase !== 'up';
  if (isOurs) {
    const startedAt = Date.now();
    await pgha('lab', 'up', ...options);
    console.log(`lab up ${options.join(' ')}: ${((Date.now() - startedAt) / 1000).toFixed(0)} s`);
  }
  const record = await readRecord(places);
  if (record === null) throw new Error('the lab is up and has no record');
  const { cluster } = record;
  const isThere = cluster.dr !== null && (dr !== 'with-api' || nodesOf(cluster.dr, 'api').length > 0);
  if (
    membersOf(cluster.primary).length !== nodes ||
    isThere !== (dr !== 'none') ||
    (dataVolumes && record.dataVolumes !== true)
  ) {
    throw new Error(
      `another lab is running; end it with "pgha lab down" or start it with "pgha lab up ${options.join(' ')}"`,
    );
  }
  return {
    places,
    groups: await findControlGroups(),
    cluster,
    access: await readAccess(cluster, await provideAuthority(places)),
    end: async () => {
      if (!isOurs) return;
      const startedAt = Date.now();
      await pgha('lab', 'down');
      console.log(`lab down: ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
    },
  };
}

export const hostOf = (lab: RunningLab, name: string): Host => labHost(lab.groups, name);

/** Patroni's view of a region. */
export function patroniOf(lab: RunningLab, region: Region): Promise<PatroniCluster> {
  return askAnyMember(patroniEndpoints(region, lab.access.ca));
}

/** The name of the primary region's leader. */
export async function leaderOf(lab: RunningLab): Promise<string> {
  const { leader } = await patroniOf(lab, lab.cluster.primary);
  if (leader === null) throw new Error('the primary region has no leader');
  return leader.name;
}

/** One value, asked as the superuser on the machine itself. */
export function ask(lab: RunningLab, machine: string, query: string): Promise<string> {
  const psql = ['psql', '--no-psqlrc', '--tuples-only', '--no-align', `--dbname=${lab.cluster.database}`];
  return runChecked(hostOf(lab, machine), ['runuser', '-u', 'postgres', '--', ...psql, `--command=${query}`]);
}
