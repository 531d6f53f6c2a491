import { SSMClient } from '@aws-sdk/client-ssm';
import { type Cluster, parameterName, type Region, secretsKeyAlias } from '@pgha/infra/cluster';
import { withAws } from '../../installation/aws.ts';
import type { Installation } from '../../installation/installation.ts';
import {
  authorityParameters,
  type EncryptedParameter,
  encryptWithOwnKey,
  underOtherKeys,
} from '../../secrets/index.ts';
import type { Report, Step } from '../../step.ts';
import { waitUntil } from '../../wait-until.ts';
import { runOperation } from '../operation.ts';
import { actingRegion, viewRegions } from '../regions.ts';
import { onMachine } from '../secrets/machines.ts';
import { clientSettings } from './aws-access.ts';
import type { Session } from './session.ts';
import type { Scope } from './target.ts';

/** IAM and KMS take minutes until a new permission and a new alias hold everywhere. */
const permissionTimeoutMs = 10 * 60_000;

/**
 * The step that gives a region's secrets the cluster's own key, after its machines' roles were allowed to decrypt with it. A region
 * whose secrets all have it is not touched.
 */
export function planOwnKey({ cluster, region, target, alone }: Scope, open: () => Session): Step {
  return {
    title: `Encrypt the secrets of ${region.awsRegion} with the cluster's own KMS key`,
    run: async (report) => {
      const { login, identity, signal } = open();
      const client = new SSMClient({ ...clientSettings(login, region.awsRegion), maxAttempts: 10 });
      try {
        const left = await underOtherKeys(client, pathOf(cluster), secretsKeyAlias(cluster));
        if (left.length === 0) return report('all are already encrypted with it');
        await withAws(cluster, { login, identity }, signal, async (installation) => {
          const locked = alone ? region : actingRegion(cluster, await viewRegions(installation)).region;
          await runOperation(installation, locked, `deploy ${target}`, () =>
            encryptSecrets(installation, region, client, left, report),
          );
        });
      } finally {
        client.destroy();
      }
    },
  };
}

/** `/project/environment`, as DescribeParameters takes a path. */
const pathOf = (cluster: Cluster) => parameterName(cluster, '').replace(/\/$/, '');

/** Encrypts what is left; every machine of the region that runs is seen to read its secrets first. */
export async function encryptSecrets(
  { cluster, host, power, signal }: Pick<Installation, 'cluster' | 'host' | 'power' | 'signal'>,
  region: Region,
  client: SSMClient,
  left: readonly EncryptedParameter[],
  report: Report,
): Promise<void> {
  let moved = 0;
  const fetches = (node: Region['nodes'][number]) =>
    waitUntil(
      async () => {
        const result = await onMachine({ host, power }, node, (each) => each.run(['pgha-secrets', 'fetch']));
        if (result === null || result.exitCode === 0) return true;
        throw new Error(result.stderr.trim().split('\n').at(-1) ?? `exit code ${result.exitCode}`);
      },
      { what: `${node.name} to read its secrets`, timeoutMs: permissionTimeoutMs, everyMs: 5_000, signal },
    );
  await encryptWithOwnKey(client, left, {
    keyAlias: secretsKeyAlias(cluster),
    first: authorityParameters(cluster).certificate,
    waitForReaders: async () => {
      report(`${region.nodes.length} nodes can read the CA certificate with the new key`);
      await Promise.all(region.nodes.map(fetches));
    },
    onMoved: () => {
      moved += 1;
      report(`${moved} of ${left.length}`);
    },
  });
}
