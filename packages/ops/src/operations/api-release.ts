import type { S3Client } from '@aws-sdk/client-s3';
import { DeployAnswer, parse } from '@pgha/protocol';
import { pointToRelease, publishRelease } from '../artifact/publish.ts';
import type { Release } from '../artifact/release.ts';
import { RefusedError } from '../exit-codes.ts';
import { type Host, runChecked } from '../hosts/host.ts';
import type { Step } from '../step.ts';

/** A region's API servers and the bucket they take releases from. */
export interface ApiServers {
  hosts: readonly Host[];
  s3: S3Client;
  bucket: string;
}

/** What an API server runs, as it tells itself. */
export interface ApiServerState {
  server: string;
  current: string | null;
  /** What a rollback goes back to. */
  previous: string | null;
  releases: readonly string[];
}

/** Fetching a release over a slow link, and two services that wait for a database in failover. */
const deployTimeoutMs = 300_000;

/**
 * Brings a release to every API server, one after the other. A server that cannot serve it goes back by itself and ends the
 * deploy, so that the servers after it keep what they have; new servers start with the release only once all run it.
 */
export function planApiDeploy(servers: () => ApiServers, release: () => Release): readonly Step[] {
  return [
    {
      title: 'Upload the release',
      run: async (report) => {
        const { s3, bucket } = servers();
        report(release().version);
        await publishRelease(s3, bucket, release());
      },
    },
    {
      title: 'Deploy to the API servers, node by node',
      run: async (report) => {
        for (const host of servers().hosts) {
          report(host.name);
          await runChecked(host, ['pgha-deploy', release().version], { timeoutMs: deployTimeoutMs });
        }
      },
    },
    {
      title: 'Set the release for new servers',
      run: () => pointToRelease(servers().s3, servers().bucket, release().version),
    },
  ];
}

/**
 * Brings every API server back to the release it ran before, and new servers too.
 *
 * @param states what they run now; the steps name what they go back to.
 * @throws RefusedError when nothing ran before on one of them.
 */
export function planApiRollback({ hosts, s3, bucket }: ApiServers, states: readonly ApiServerState[]): readonly Step[] {
  const versions = hosts.map(({ name }) => {
    const version = states.find(({ server }) => server === name)?.previous ?? null;
    if (version === null) throw new RefusedError(`${name} has no previous release to roll back to`);
    return version;
  });
  return [
    ...hosts.map(
      (host, index): Step => ({
        title: `Roll back ${host.name} to ${versions[index]}`,
        run: async () => {
          await runChecked(host, ['pgha-deploy', versions[index] ?? ''], { timeoutMs: deployTimeoutMs });
        },
      }),
    ),
    ...versions.slice(0, 1).map((version) => ({
      title: `Set release ${version} for new servers`,
      run: () => pointToRelease(s3, bucket, version),
    })),
  ];
}

/** Asks every API server what it runs. */
export async function readApiStates({ hosts }: Pick<ApiServers, 'hosts'>): Promise<readonly ApiServerState[]> {
  return Promise.all(hosts.map(async (host) => parseState(host, await runChecked(host, ['pgha-deploy', '--status']))));
}

function parseState({ name }: Host, output: string): ApiServerState {
  const origin = { program: 'pgha-deploy', host: name, release: null };
  const { current, previous, releases } = parse(DeployAnswer, output, origin);
  return { server: name, current, previous, releases };
}
