import { defineCluster, regionsOf } from '@pgha/infra/cluster';
import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../exit-codes.ts';
import { checkPrerequisites, requireIdentity, type Surroundings } from './prerequisites.ts';

const cluster = defineCluster();
const identity = { account: '123456789012', arn: 'arn:aws:iam::123456789012:user/somebody' };
const sound: Surroundings = {
  terraformVersion: async () => '1.11.4',
  whoAmI: async () => identity,
  hasStateBucket: async () => true,
};

async function refusal(
  around: Partial<Surroundings>,
  profile: string | null = 'a-profile',
  of = cluster,
): Promise<string> {
  const error = await checkPrerequisites(of, regionsOf(of), { profile }, { ...sound, ...around }).catch(
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RefusedError);
  return (error as Error).message;
}

describe('a deploy', () => {
  it('uses the account that the credentials belong to', async () => {
    expect(await checkPrerequisites(cluster, regionsOf(cluster), { profile: null }, sound)).toEqual(identity);
  });

  it.each([
    ['1.10.5', /terraform 1\.10\.5 is too old: .* needs 1\.11/],
    ['0.15.0', /terraform 0\.15\.0 is too old/],
    [null, /terraform is not in PATH\. Install version 1\.11 or later/],
  ])('refuses Terraform %s', async (version, message) => {
    expect(await refusal({ terraformVersion: async () => version })).toMatch(message);
  });

  it.each(['1.11.0', '1.12.0-rc1', '2.0.0'])('takes Terraform %s', async (version) => {
    const around = { ...sound, terraformVersion: async () => version };
    await expect(checkPrerequisites(cluster, [], { profile: null }, around)).resolves.toEqual(identity);
  });

  it('names the profile that is missing, and what to do about it', async () => {
    const whoAmI = async () => Promise.reject(new Error('Could not load credentials from any providers.'));
    expect(await refusal({ whoAmI })).toMatch(/profile "a-profile": Could not .*\. Log in with "aws sso/);
    expect(await refusal({ whoAmI }, null)).toMatch(/credentials of the environment: .*\. Check AWS_PROFILE/);
  });

  it('does not blame the credentials for a network that is down', async () => {
    const whoAmI = async () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));
    expect(await refusal({ whoAmI })).toMatch(/AWS is unreachable from this computer: getaddrinfo\. Check the network/);
  });

  it('lists every bucket for the state that is missing, in addition to everything else', async () => {
    const said = await refusal({ hasStateBucket: async () => false, terraformVersion: async () => null });
    expect(said.match(/^ {2}- /gm)).toHaveLength(3);
    expect(said).toContain(
      'bucket pgha-prod-state-dr-123456789012 for the Terraform state does not exist in us-west-2',
    );
    expect(said).toContain('pgha bootstrap');
  });

  it('asks for no bucket where the state is kept on this computer', async () => {
    const local = defineCluster({ state: 'local' });
    const around = { ...sound, hasStateBucket: async () => false };
    await expect(checkPrerequisites(local, regionsOf(local), { profile: null }, around)).resolves.toEqual(identity);
  });
});

describe('a command on a running cluster', () => {
  it('is refused without credentials: the profile, why, and what to do', async () => {
    const whoAmI = async () => Promise.reject(new Error('Could not load credentials from any providers.'));
    const error = await requireIdentity(cluster, { profile: 'a-profile' }, { whoAmI }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(RefusedError);
    expect((error as Error).message).toBe(
      'no AWS credentials for profile "a-profile": Could not load credentials from any providers. ' +
        'Log in with "aws sso login --profile a-profile", create the profile with "aws configure --profile a-profile", ' +
        'or set AWS_PROFILE (or awsProfile in the configuration). "pgha doctor" checks the rest.',
    );
  });
});
