import { boundaryArn, type Cluster } from '../../cluster/index.ts';
import { allow, inEach, inRegions, type Statement } from './statement.ts';

/** Roles, secrets, commands. */
export function accessStatements(cluster: Cluster, account: string): readonly Statement[] {
  const path = `${cluster.project}/${cluster.environment}`;
  const each = (arn: (awsRegion: string) => string | readonly string[]) =>
    inEach(cluster, ({ awsRegion }) => arn(awsRegion));
  return [
    ...roles(cluster, account),
    allow('GiveRoles', 'iam:PassRole', `arn:aws:iam::${account}:role/${path}/*`, {
      StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'vpc-flow-logs.amazonaws.com'] },
    }),
    // load balancers, and alarms that recover a machine, work through roles that AWS makes once an account
    allow(
      'ServiceRoles',
      'iam:CreateServiceLinkedRole',
      ['elasticloadbalancing', 'events'].map(
        (service) => `arn:aws:iam::${account}:role/aws-service-role/${service}.amazonaws.com/*`,
      ),
    ),
    allow(
      'Secrets',
      ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:PutParameter'],
      each((region) => `arn:aws:ssm:${region}:${account}:parameter/${path}/*`),
    ),
    allow(
      'Images',
      ['ssm:GetParameter', 'ssm:GetParameters'],
      each((region) => `arn:aws:ssm:${region}::parameter/aws/service/debian/*`),
    ),
    allow(
      'Commands',
      'ssm:SendCommand',
      each((region) => `arn:aws:ssm:${region}::document/AWS-RunShellScript`),
    ),
    allow(
      'CommandsToMachines',
      'ssm:SendCommand',
      each((region) => `arn:aws:ec2:${region}:${account}:instance/*`),
      {
        StringEquals: {
          'ssm:resourceTag/project': cluster.project,
          'ssm:resourceTag/environment': cluster.environment,
        },
      },
    ),
    allow(
      'ResultsAndNames',
      ['ssm:CancelCommand', 'ssm:DescribeInstanceInformation', 'ssm:DescribeParameters', 'ssm:GetCommandInvocation'],
      '*',
      inRegions(cluster),
    ),
  ];
}

/** Roles below the cluster's path; what they may do is bounded, so that who makes one does not become an administrator. */
function roles(cluster: Cluster, account: string): readonly Statement[] {
  const path = `${cluster.project}/${cluster.environment}`;
  const own = `arn:aws:iam::${account}:role/${path}/*`;
  const boundary = boundaryArn(cluster, account);
  const giving = ['iam:CreateRole', 'iam:PutRolePermissionsBoundary', 'iam:PutRolePolicy'];
  return [
    allow(
      'Roles',
      [
        'iam:DeleteRole',
        'iam:DeleteRolePolicy',
        'iam:GetRole',
        'iam:GetRolePolicy',
        'iam:ListAttachedRolePolicies',
        'iam:ListInstanceProfilesForRole',
        'iam:ListRolePolicies',
        'iam:ListRoleTags',
        'iam:TagRole',
        'iam:UntagRole',
        'iam:UpdateAssumeRolePolicy',
      ],
      own,
    ),
    cluster.permissionsBoundary
      ? allow('BoundedRoles', giving, own, { StringEquals: { 'iam:PermissionsBoundary': boundary } })
      : allow('RolesWithoutBoundary', ['iam:CreateRole', 'iam:PutRolePolicy'], own),
    ...(cluster.permissionsBoundary
      ? [allow('LookAtBoundary', ['iam:GetPolicy', 'iam:GetPolicyVersion'], boundary)]
      : []),
    allow(
      'InstanceProfiles',
      [
        'iam:AddRoleToInstanceProfile',
        'iam:CreateInstanceProfile',
        'iam:DeleteInstanceProfile',
        'iam:GetInstanceProfile',
        'iam:ListInstanceProfileTags',
        'iam:RemoveRoleFromInstanceProfile',
        'iam:TagInstanceProfile',
        'iam:UntagInstanceProfile',
      ],
      `arn:aws:iam::${account}:instance-profile/${path}/*`,
    ),
  ];
}
