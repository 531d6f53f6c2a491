import type { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { createFakeHost } from '../hosts/fake.ts';
import { planApiDeploy, planApiRollback, readApiStates } from './api-release.ts';

const release = { version: '1.0.0-b', archive: import.meta.filename, sha256: 'ab12' };

/** A bucket that keeps what it is given. */
function keepingS3() {
  const objects = new Map<string, string>();
  const client = {
    send: async ({ input }: { input: { Key: string; Body: Uint8Array | string } }) => {
      objects.set(input.Key, `${input.Body}`);
      return {};
    },
  } as unknown as S3Client;
  return { client, objects };
}

/** An API server with its releases; `refuses` is one that does not start there. */
function server(name: string, refuses: string | null = null) {
  const state: { current: string; previous: string | null } = { current: '1.0.0-a', previous: null };
  return createFakeHost(name, ([command, argument = '']) => {
    if (command !== 'pgha-deploy') return null;
    if (argument === refuses)
      return { exitCode: 1, stdout: '', stderr: `pgha-deploy: it does not serve ${argument}\n` };
    if (argument === '--rollback' && state.previous !== null) {
      [state.current, state.previous] = [state.previous, state.current];
    } else if (!argument.startsWith('--')) {
      [state.current, state.previous] = [argument, state.current];
    }
    return { exitCode: 0, stdout: `${JSON.stringify({ ...state, releases: [] })}\n`, stderr: '' };
  });
}

const runAll = async (steps: ReturnType<typeof planApiDeploy>) => {
  for (const step of steps) await step.run(() => undefined);
};

describe('a deploy of the services', () => {
  it('uploads, goes through the servers, and points new ones to the release', async () => {
    const { client, objects } = keepingS3();
    const servers = { hosts: [server('api-1'), server('api-2')], s3: client, bucket: 'b' };
    await runAll(
      planApiDeploy(
        () => servers,
        () => release,
      ),
    );
    expect([...objects.keys()]).toEqual(['api/1.0.0-b.tar.zst', 'api/1.0.0-b.tar.zst.sha256', 'api/current']);
    expect(objects.get('api/1.0.0-b.tar.zst.sha256')).toBe('ab12  1.0.0-b.tar.zst\n');
    expect(objects.get('api/current')).toBe('1.0.0-b\n');
    expect((await readApiStates(servers)).map(({ current }) => current)).toEqual(['1.0.0-b', '1.0.0-b']);
  });

  it('ends at the first server that cannot serve it; the others and new ones keep what they have', async () => {
    const { client, objects } = keepingS3();
    const servers = { hosts: [server('api-1', '1.0.0-b'), server('api-2')], s3: client, bucket: 'b' };
    await expect(
      runAll(
        planApiDeploy(
          () => servers,
          () => release,
        ),
      ),
    ).rejects.toThrow(/api-1: .*does not serve 1\.0\.0-b/s);
    expect((await readApiStates(servers)).map(({ current }) => current)).toEqual(['1.0.0-a', '1.0.0-a']);
    expect(objects.has('api/current')).toBe(false);
  });

  it('is undone by a rollback, for new servers too', async () => {
    const { client, objects } = keepingS3();
    const servers = { hosts: [server('api-1')], s3: client, bucket: 'b' };
    await runAll(
      planApiDeploy(
        () => servers,
        () => release,
      ),
    );
    const steps = planApiRollback(servers, await readApiStates(servers));
    expect(steps[0]?.title).toBe('Roll back api-1 to 1.0.0-a');
    await runAll(steps);
    expect(await readApiStates(servers)).toMatchObject([{ server: 'api-1', current: '1.0.0-a', previous: '1.0.0-b' }]);
    expect(objects.get('api/current')).toBe('1.0.0-a\n');
  });

  it('cannot be undone where nothing ran before', async () => {
    const servers = { hosts: [server('api-1')], s3: keepingS3().client, bucket: 'b' };
    const states = await readApiStates(servers);
    expect(() => planApiRollback(servers, states)).toThrow('api-1 has no previous release');
  });
});
