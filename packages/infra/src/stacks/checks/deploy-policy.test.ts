import { describe, expect, it } from 'vitest';
import {
  actionsOf,
  isAbout,
  objectionsTo,
  type Reference,
  referenceOf,
} from '../../../test/authorization-reference.ts';
import { type Cluster, defineCluster } from '../../cluster/index.ts';
import { boundaryPolicy, deployPolicies, type Policy, planPolicy } from '../../reports/index.ts';
import { policyPurposes } from '../../reports/portuguese/policies.ts';
import { resourcesOf, synthesize } from '../synthesized.ts';
import { everyOption } from './every-option.config.ts';
import { type Call, isAllowed } from './iam.ts';
import { providerCalls } from './provider-calls.ts';
import { statements } from './rule.ts';

const account = '123456789012';
const cluster = defineCluster(everyOption);
const policies = deployPolicies(cluster, account);
const allowed = policies.flatMap(({ document }) => document.Statement);
const actions = allowed.flatMap(({ Action: action }) => action);
const allPolicies = [...policies, boundaryPolicy(cluster, account), planPolicy(cluster, account)];
const calls = [...new Set(Object.values(providerCalls).flatMap((each) => Object.values(each).flat()))].sort();

/** What a call of this cluster's own says of itself and of what it is about. */
const contextOf = ({ project, environment, zone }: Cluster, tagged: boolean): Call['context'] => ({
  'aws:RequestedRegion': 'us-east-1',
  ...(tagged ? { 'aws:ResourceTag/project': project, 'aws:ResourceTag/environment': environment } : {}),
  'aws:RequestTag/project': project,
  'aws:RequestTag/environment': environment,
  'ssm:resourceTag/project': project,
  'ssm:resourceTag/environment': environment,
  'iam:PermissionsBoundary': `arn:aws:iam::${account}:policy/${project}-${environment}-boundary`,
  'iam:PassedToService': 'ec2.amazonaws.com',
  'route53:ChangeResourceRecordSetsNormalizedRecordNames': [`pg-1.${zone}`],
  'kms:ViaService': 'ssm.us-east-1.amazonaws.com',
});

/** Resources of a cluster: whatever its policies name, and one of each kind of EC2. */
const namesOf = (of: Cluster) => [
  ...new Set(
    deployPolicies(of, account)
      .flatMap(({ document }) => document.Statement.flatMap(({ Resource: resource }) => resource))
      .filter((pattern) => pattern !== '*')
      .flatMap((pattern) => ['1', '1/1'].map((id) => pattern.replaceAll('*', id))),
  ),
];
const candidates = (of: Cluster, { action, types }: Reference) => {
  if (!action.startsWith('ec2:')) return namesOf(of);
  const parts: Readonly<Record<string, string>> = { Partition: 'aws', Region: 'us-east-1', Account: account };
  return types.map(({ arn }) => arn.replaceAll(/\$\{(\w+)\}/g, (_, part) => parts[part] ?? '1'));
};

/** What AWS makes along with something else, and what is only being made: nothing has tagged it yet. */
const untagged = new Set([
  'ec2:AssociateAddress network-interface',
  'ec2:DisassociateAddress network-interface',
  'ec2:AcceptVpcPeeringConnection vpc-peering-connection',
  'ec2:AuthorizeSecurityGroupEgress security-group-rule',
  'ec2:AuthorizeSecurityGroupIngress security-group-rule',
]);
const ofNoStack = new Set(['route53:ChangeTagsForResource healthcheck']);
/** Parts that a call is about although the reference leaves open which of them. */
const alsoAbout: Readonly<Record<string, readonly string[]>> = {
  'ec2:AssociateAddress': ['elastic-ip', 'instance', 'network-interface'],
  'ec2:DisassociateAddress': ['elastic-ip', 'network-interface'],
  'ec2:AuthorizeSecurityGroupEgress': ['security-group-rule'],
  'ec2:AuthorizeSecurityGroupIngress': ['security-group-rule'],
  'ec2:ReleaseAddress': ['elastic-ip'],
  'ec2:RunInstances': ['volume'],
};

describe('the policies of a deploy', () => {
  it.each([
    [
      'docs/reference/deploy-policies.md',
      `# What a deploy is allowed to do

[Português do Brasil](../pt-BR/reference/deploy-policies.md)

IAM policies for the example configuration in the account ${account}; \`pgha policies --account NUMBER\` prints those of yours.`,
      ({ purpose }: Policy) => `For ${purpose}.`,
    ],
    [
      'docs/pt-BR/reference/deploy-policies.md',
      `# O que um deploy pode fazer

[English](../../reference/deploy-policies.md)

Políticas do IAM para a configuração de exemplo na conta ${account}; \`pgha policies --account NUMBER\` imprime as da sua.`,
      ({ name }: Policy) =>
        `Para ${policyPurposes[name.replace(/^pgha-prod-/, '')] ?? expect.fail(`no purpose of ${name} in Portuguese`)}.`,
    ],
  ] as const)('are the ones that %s shows', async (page, head, purposeOf) => {
    const example = defineCluster();
    const policies = [
      ...deployPolicies(example, account),
      boundaryPolicy(example, account),
      planPolicy(example, account),
    ];
    const text = policies
      .map(
        (policy) =>
          `## ${policy.name}\n\n${purposeOf(policy)}\n\n\`\`\`json\n${JSON.stringify(policy.document, null, 2)}\n\`\`\`\n`,
      )
      .join('\n');
    await expect(`${head}\n\n${text}`).toMatchFileSnapshot(`../../../../../${page}`);
  });

  it('know the calls of every resource of every stack', () => {
    const types = new Set(Object.values(synthesize(everyOption)).flatMap(({ resource }) => Object.keys(resource)));
    expect([...types].sort()).toEqual(Object.keys(providerCalls).sort());
  });

  it.each(calls)('allow %s, on every kind of resource that it is about', async (action) => {
    const reference = await referenceOf(action);
    if (reference === null) throw new Error(`AWS has no ${action}`);
    if (reference.isWildcardOnly) {
      expect(isAllowed(allowed, { action, resource: '*', context: contextOf(cluster, true) })).toBe(true);
      return;
    }
    const required = reference.types.filter(
      ({ name, isRequired }) =>
        (isRequired || alsoAbout[action]?.includes(name) === true) && !ofNoStack.has(`${action} ${name}`),
    );
    // where none is required there is one at least; of network and application load balancers only the former are ours
    const about =
      action.startsWith('elasticloadbalancing:') || required.length === 0
        ? [reference.types]
        : required.map((type) => [type]);
    for (const kinds of about.filter((each) => each.length > 0)) {
      const names = kinds.map(({ name }) => name);
      const resources = candidates(cluster, reference).filter((resource) =>
        kinds.some((kind) => isAbout(kind, resource)),
      );
      const isMet = [true, false].some(
        (tagged) =>
          tagged !== names.some((name) => untagged.has(`${action} ${name}`)) &&
          resources.some((resource) => isAllowed(allowed, { action, resource, context: contextOf(cluster, tagged) })),
      );
      // S3's and IAM's reference names kinds besides that no stack has
      if (resources.length > 0 || required.length > 0) expect(isMet, `${action} on ${names.join(' or ')}`).toBe(true);
    }
  });

  it('fit into IAM, which counts 6 144 characters without white space', () => {
    const longest = defineCluster({ ...everyOption, project: 'abcdefghijklmnop', environment: 'staging-eu-1' });
    for (const { name, document } of [
      ...deployPolicies(longest, account),
      boundaryPolicy(longest, account),
      planPolicy(longest, account),
    ]) {
      expect(JSON.stringify(document).replaceAll(/\s/g, '').length, name).toBeLessThanOrEqual(6_144);
    }
  });

  it('allow nobody to delete what must outlive a mistake', () => {
    const deadly =
      /^(s3:DeleteBucket|s3:DeleteObjectVersion|kms:ScheduleKeyDeletion|ec2:DeleteVolume|ssm:DeleteParameters?|s3:BypassGovernance.*|\w+:\*|\*)$/;
    expect(actions.filter((action) => deadly.test(action))).toEqual([]);
  });

  it('let nobody make a role without the boundary, or change the boundary', () => {
    const own = `arn:aws:iam::${account}:role/pgha/prod/primary/pgha-prod-pg-1`;
    const { 'iam:PermissionsBoundary': boundary, ...unbounded } = contextOf(cluster, true);
    for (const action of ['iam:CreateRole', 'iam:PutRolePolicy', 'iam:PutRolePermissionsBoundary']) {
      const may = (context: Call['context']) => isAllowed(allowed, { action, resource: own, context });
      expect(may({ ...unbounded, 'iam:PermissionsBoundary': boundary ?? '' }), action).toBe(true);
      expect(may(unbounded), action).toBe(false);
      const other = `arn:aws:iam::${account}:policy/anything`;
      expect(may({ ...unbounded, 'iam:PermissionsBoundary': other }), action).toBe(false);
    }
    const changes = /^iam:(AttachRolePolicy|DeleteRolePermissionsBoundary|(Create|Delete|SetDefault)Policy(Version)?)$/;
    expect(actions.filter((action) => changes.test(action))).toEqual([]);
  });

  it('give tags to what is being made, and to nothing of another cluster', () => {
    const tag = (context: Call['context']) =>
      isAllowed(allowed, {
        action: 'ec2:CreateTags',
        resource: `arn:aws:ec2:us-east-1:${account}:instance/i-1`,
        context,
      });
    const own = contextOf(cluster, false);
    expect(tag({ ...own, 'ec2:CreateAction': 'RunInstances' })).toBe(true);
    expect(tag(contextOf(cluster, true))).toBe(true);
    expect(tag(own), 'an instance of nobody').toBe(false);
    expect(tag({ ...own, 'aws:ResourceTag/project': 'pgha', 'aws:ResourceTag/environment': 'staging' })).toBe(false);
    expect(tag({ ...contextOf(cluster, true), 'aws:RequestTag/environment': 'staging' }), 'giving it away').toBe(false);
  });
});

describe.each(['staging', 'prod-eu', 'pro'])('the policies of an environment "%s"', (environment) => {
  const other = defineCluster({ ...everyOption, environment });
  const statementsOfOther = deployPolicies(other, account).flatMap(({ document }) => document.Statement);
  /** What makes something new, and what no policy can tie to a resource: none of it ends anything. */
  const harmless =
    /^(ec2:(Allocate|Create(?!Tags|Route$)|RunInstances)|ec2:(Associate|Disassociate)Address$|ec2:AcceptVpcPeering|ec2:AuthorizeSecurityGroup|ssm:CancelCommand|route53:(Create|AssociateVPC|ChangeTags|Delete|Update)|iam:CreateServiceLinkedRole|kms:(CreateKey|CreateAlias|UpdateAlias|EnableKeyRotation|Encrypt|GenerateDataKey|ReEncrypt|Decrypt|CreateGrant))/;

  const isAwsOwn = (resource: string) => /::(document|parameter)\//.test(resource);

  it('change and end nothing of production', async () => {
    const names = statementsOfOther.flatMap(({ Action: action }) => action);
    const context = {
      ...contextOf(cluster, true),
      'aws:RequestTag/environment': environment,
      'iam:PermissionsBoundary': `arn:aws:iam::${account}:policy/pgha-${environment}-boundary`,
    };
    const taken: string[] = [];
    for (const action of new Set((await Promise.all(names.map(actionsOf))).flat())) {
      const reference = await referenceOf(action);
      if (reference === null || /Read|List/.test(reference.accessLevel) || harmless.test(action)) continue;
      for (const resource of candidates(cluster, reference).filter((each) => !isAwsOwn(each))) {
        if (isAllowed(statementsOfOther, { action, resource, context })) taken.push(`${action} on ${resource}`);
      }
    }
    expect(taken).toEqual([]);
  });

  it("take no address and no record of production's", () => {
    const context = contextOf(cluster, true);
    const address = `arn:aws:ec2:us-east-1:${account}:elastic-ip/eipalloc-1`;
    for (const action of ['ec2:AssociateAddress', 'ec2:DisassociateAddress', 'ec2:ReleaseAddress']) {
      expect(isAllowed(statementsOfOther, { action, resource: address, context }), action).toBe(false);
    }
    const zone = 'arn:aws:route53:::hostedzone/Z1';
    expect(isAllowed(statementsOfOther, { action: 'route53:ChangeResourceRecordSets', resource: zone, context })).toBe(
      false,
    );
    const group = `arn:aws:ec2:us-east-1:${account}:security-group/sg-1`;
    expect(
      isAllowed(statementsOfOther, { action: 'ec2:AuthorizeSecurityGroupIngress', resource: group, context }),
    ).toBe(false);
  });
});

describe('the role that plans pull requests', () => {
  // what matters of AWS's ReadOnlyAccess
  const readOnly = {
    Effect: 'Allow',
    Action: ['ssm:Get*', 'ssm:Describe*', 'ssm:List*', 's3:Get*', 's3:List*', 'kms:Describe*', 'kms:Get*', 'kms:List*'],
    Resource: '*',
  };
  const all = [readOnly, ...planPolicy(cluster, account).document.Statement];
  const may = (action: string, resource: string, context: Call['context'] = {}) =>
    isAllowed(all, { action, resource, context });

  it.each(['GetParameter', 'GetParameters', 'GetParameterHistory'])('reads no secret by %s', (name) => {
    expect(may(`ssm:${name}`, `arn:aws:ssm:us-east-1:${account}:parameter/pgha/prod/passwords/app_a`)).toBe(false);
    // Debian's newest image
    const image = 'arn:aws:ssm:us-east-1::parameter/aws/service/debian/release/13/latest/amd64';
    expect(may(`ssm:${name}`, image)).toBe(true);
  });

  it('reads none by their path, no backup, no answer of a machine', () => {
    expect(may('ssm:GetParametersByPath', `arn:aws:ssm:us-west-2:${account}:parameter/pgha/prod`)).toBe(false);
    expect(may('s3:GetObject', `arn:aws:s3:::pgha-prod-backups-primary-${account}/pgha/backup/x`)).toBe(false);
    expect(may('s3:GetObject', `arn:aws:s3:::pgha-prod-artifacts-dr-${account}/exchange/x`)).toBe(false);
    expect(may('ssm:GetCommandInvocation', '*')).toBe(false);
  });

  it("reads Terraform's state, whose key is used by S3, and locks it", () => {
    const state = `arn:aws:s3:::pgha-prod-state-primary-${account}/pgha-prod/primary.tfstate`;
    expect(may('s3:GetObject', state)).toBe(true);
    expect(may('s3:PutObject', `${state}.tflock`)).toBe(true);
    expect(may('s3:PutObject', state)).toBe(false);
    // AWS's own keys allow it to the whole account: what is left is that nothing forbids it
    const allowing = [{ Effect: 'Allow', Action: 'kms:Decrypt', Resource: '*' }, ...all];
    const decrypts = (service: string) =>
      isAllowed(allowing, {
        action: 'kms:Decrypt',
        resource: `arn:aws:kms:us-east-1:${account}:key/1`,
        context: { 'kms:ViaService': `${service}.us-east-1.amazonaws.com` },
      });
    expect(decrypts('s3')).toBe(true);
    expect(decrypts('ssm')).toBe(false);
  });
});

describe('every policy', () => {
  const stacks = synthesize(everyOption, account);
  const named = (text: string) => text.replaceAll(/\$\{data\.aws_caller_identity[^}]*\}/g, account);
  const roles = resourcesOf(stacks, 'aws_iam_role_policy').map(({ stack, name, arguments: given }) => ({
    name: `${stack}: ${name}`,
    document: { Statement: statements({ policy: named(given['policy']) }) },
  }));

  it.each([...allPolicies, ...roles].map((each) => [each.name, each] as const))(
    '%s agrees with the Service Authorization Reference',
    async (_, { document }) => {
      for (const statement of document.Statement) {
        expect(await objectionsTo(statement as Parameters<typeof objectionsTo>[0])).toEqual([]);
      }
    },
  );

  it('of a role allows nothing that the boundary does not', () => {
    const bound = boundaryPolicy(cluster, account).document.Statement;
    for (const { name, document } of roles) {
      for (const { Action: action, Resource: resource, Condition: condition } of document.Statement) {
        for (const each of [action].flat()) {
          for (const target of [resource].flat()) {
            const context = Object.assign({}, ...Object.values(condition ?? {})) as Call['context'];
            const call = { action: each, resource: target.replaceAll('*', 'x'), context };
            const asked = target === '*' ? { ...call, resource: '*' } : call;
            expect(isAllowed(bound, asked), `${name}: ${each} on ${target}`).toBe(true);
          }
        }
      }
    }
  });

  it('is bounded: every role has the boundary, and the plan fails where there is none', () => {
    const found = resourcesOf(stacks, 'aws_iam_role');
    expect(found.length).toBeGreaterThan(0);
    for (const { arguments: given } of found) {
      expect(given['permissions_boundary']).toMatch(/^\$\{data\.aws_iam_policy\.boundary\.arn\}$/);
    }
    for (const kind of ['primary', 'dr'] as const) {
      const arn = stacks[kind]?.data['aws_iam_policy']?.['boundary']?.['arn'];
      expect(named(arn)).toBe(`arn:aws:iam::${account}:policy/pgha-prod-boundary`);
    }
  });

  it('is without a boundary while the configuration says so', () => {
    const input = { ...everyOption, permissionsBoundary: false };
    for (const { arguments: given } of resourcesOf(synthesize(input), 'aws_iam_role')) {
      expect(given).not.toHaveProperty('permissions_boundary');
    }
  });
});
