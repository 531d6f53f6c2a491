import { type Cluster, deploymentName, keyAlias, type Region, regionsOf } from '../cluster/index.ts';

interface Statement {
  Sid: string;
  Effect: 'Allow';
  Action: string | readonly string[];
  Resource: string | readonly string[];
  Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** A managed policy of IAM. */
export interface Policy {
  name: string;
  /** What it is for, in a sentence. */
  purpose: string;
  document: { Version: '2012-10-17'; Statement: readonly Statement[] };
}

/**
 * What deploying needs and no more: three policies, because IAM takes 6 144 characters each. Whatever has a name is named;
 * what gets its name from AWS is limited to the cluster's regions and, once it is there, to the cluster's tag.
 *
 * @param account twelve digits.
 */
export function deployPolicies(cluster: Cluster, account: string): readonly Policy[] {
  const name = deploymentName(cluster);
  const policy = (part: string, purpose: string, statements: readonly Statement[]): Policy => ({
    name: `${name}-deploy-${part}`,
    purpose,
    document: { Version: '2012-10-17', Statement: statements },
  });
  return [
    policy('network', 'networks, machines, load balancers', networkStatements(cluster)),
    policy('data', 'state, buckets, keys, volumes', dataStatements(cluster, account)),
    policy('access', 'roles, names, alerts, secrets, commands', accessStatements(cluster, account)),
  ];
}

const allow = (
  Sid: string,
  Action: Statement['Action'],
  Resource: Statement['Resource'],
  Condition?: Statement['Condition'],
): Statement => ({
  Sid,
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition === undefined ? {} : { Condition }),
});

const inRegions = (cluster: Cluster) => ({
  StringEquals: { 'aws:RequestedRegion': regionsOf(cluster).map(({ awsRegion }) => awsRegion) },
});
const ofCluster = (cluster: Cluster) => ({ StringEquals: { 'aws:ResourceTag/project': cluster.project } });

const throughServices = (cluster: Cluster, services: readonly string[]) =>
  inEach(cluster, ({ awsRegion }) => services.map((service) => `${service}.${awsRegion}.amazonaws.com`));

const inEach = (cluster: Cluster, arn: (region: Region) => string | readonly string[]) =>
  regionsOf(cluster).flatMap(arn);

function networkStatements(cluster: Cluster): readonly Statement[] {
  return [
    allow(
      'Look',
      [
        'ec2:Describe*',
        'ec2:GetConsoleOutput',
        'ec2:GetInstanceUefiData',
        'elasticloadbalancing:Describe*',
        'servicequotas:GetServiceQuota',
      ],
      '*',
      inRegions(cluster),
    ),
    allow(
      'Make',
      [
        'ec2:AcceptVpcPeeringConnection',
        'ec2:AllocateAddress',
        'ec2:AssociateAddress',
        'ec2:AuthorizeSecurityGroupEgress',
        'ec2:AuthorizeSecurityGroupIngress',
        'ec2:CreateFlowLogs',
        'ec2:CreateInternetGateway',
        'ec2:CreateNatGateway',
        'ec2:CreateRouteTable',
        'ec2:CreateSecurityGroup',
        'ec2:CreateSubnet',
        'ec2:CreateTags',
        'ec2:CreateVpc',
        'ec2:CreateVpcEndpoint',
        'ec2:CreateVpcPeeringConnection',
        'ec2:ModifyVpcPeeringConnectionOptions',
        'ec2:RunInstances',
      ],
      '*',
      inRegions(cluster),
    ),
    allow(
      'ChangeAndRemove',
      [
        'ec2:AssociateIamInstanceProfile',
        'ec2:AssociateRouteTable',
        'ec2:AttachInternetGateway',
        'ec2:AttachVolume',
        'ec2:CreateRoute',
        'ec2:DeleteFlowLogs',
        'ec2:DeleteInternetGateway',
        'ec2:DeleteNatGateway',
        'ec2:DeleteRoute',
        'ec2:DeleteRouteTable',
        'ec2:DeleteSecurityGroup',
        'ec2:DeleteSubnet',
        'ec2:DeleteTags',
        'ec2:DeleteVpc',
        'ec2:DeleteVpcEndpoints',
        'ec2:DeleteVpcPeeringConnection',
        'ec2:DetachInternetGateway',
        'ec2:DetachVolume',
        'ec2:DisassociateAddress',
        'ec2:DisassociateIamInstanceProfile',
        'ec2:DisassociateRouteTable',
        'ec2:ModifyInstanceAttribute',
        'ec2:ModifyInstanceCreditSpecification',
        'ec2:ModifyInstanceMetadataOptions',
        'ec2:ModifySecurityGroupRules',
        'ec2:ModifySubnetAttribute',
        'ec2:ModifyVpcAttribute',
        'ec2:ModifyVpcEndpoint',
        'ec2:ReleaseAddress',
        'ec2:ReplaceIamInstanceProfileAssociation',
        'ec2:ReplaceRoute',
        'ec2:RevokeSecurityGroupEgress',
        'ec2:RevokeSecurityGroupIngress',
        'ec2:StartInstances',
        'ec2:StopInstances',
        'ec2:TerminateInstances',
        'ec2:UpdateSecurityGroupRuleDescriptionsEgress',
        'ec2:UpdateSecurityGroupRuleDescriptionsIngress',
      ],
      '*',
      ofCluster(cluster),
    ),
    allow(
      'DefaultGroup',
      ['ec2:RevokeSecurityGroupEgress', 'ec2:RevokeSecurityGroupIngress', 'ec2:ReplaceRouteTableAssociation'],
      '*',
      inRegions(cluster),
    ),
    allow(
      'LoadBalancers',
      [
        'elasticloadbalancing:AddTags',
        'elasticloadbalancing:CreateListener',
        'elasticloadbalancing:CreateLoadBalancer',
        'elasticloadbalancing:CreateTargetGroup',
        'elasticloadbalancing:DeleteListener',
        'elasticloadbalancing:DeleteLoadBalancer',
        'elasticloadbalancing:DeleteTargetGroup',
        'elasticloadbalancing:DeregisterTargets',
        'elasticloadbalancing:ModifyListener',
        'elasticloadbalancing:ModifyListenerAttributes',
        'elasticloadbalancing:ModifyLoadBalancerAttributes',
        'elasticloadbalancing:ModifyTargetGroup',
        'elasticloadbalancing:ModifyTargetGroupAttributes',
        'elasticloadbalancing:RegisterTargets',
        'elasticloadbalancing:RemoveTags',
        'elasticloadbalancing:SetSecurityGroups',
      ],
      '*',
      inRegions(cluster),
    ),
  ];
}

function dataStatements(cluster: Cluster, account: string): readonly Statement[] {
  const name = deploymentName(cluster);
  const buckets = (purpose: string) => `arn:aws:s3:::${name}-${purpose}-*-${account}`;
  const all = ['state', 'artifacts', 'backups'].map(buckets);
  const keys = inEach(cluster, ({ awsRegion }) => `arn:aws:kms:${awsRegion}:${account}:key/*`);
  return [
    allow(
      'Buckets',
      [
        's3:CreateBucket',
        's3:GetAccelerateConfiguration',
        's3:GetBucket*',
        's3:GetEncryptionConfiguration',
        's3:GetLifecycleConfiguration',
        's3:GetReplicationConfiguration',
        's3:ListBucket',
        's3:ListTagsForResource',
        's3:PutBucketObjectLockConfiguration',
        's3:PutBucketOwnershipControls',
        's3:PutBucketPolicy',
        's3:PutBucketPublicAccessBlock',
        's3:PutBucketTagging',
        's3:PutBucketVersioning',
        's3:PutEncryptionConfiguration',
        's3:PutLifecycleConfiguration',
        's3:TagResource',
      ],
      all,
    ),
    allow(
      'StateAndArtifacts',
      ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
      [`${buckets('state')}/*`, `${buckets('artifacts')}/*`],
    ),
    allow('MakeKeys', ['kms:CreateKey', 'kms:ListAliases'], '*', inRegions(cluster)),
    allow('TagKeys', 'kms:TagResource', keys, { StringEquals: { 'aws:RequestTag/project': cluster.project } }),
    // a key's tags count for permissions only minutes after it was made (KMS developer guide, "ABAC for AWS KMS"), and the
    // first deploy does not wait: what looks at a key, or only protects it, goes without them
    allow(
      'NewKeys',
      [
        'kms:CreateAlias',
        'kms:DescribeKey',
        'kms:EnableKeyRotation',
        'kms:GetKeyPolicy',
        'kms:GetKeyRotationStatus',
        'kms:ListResourceTags',
      ],
      keys,
    ),
    allow('ChangeKeys', ['kms:PutKeyPolicy', 'kms:UntagResource'], keys, ofCluster(cluster)),
    // for the same reason bound to what the data lies in, which is named elsewhere, and not to a tag
    allow('UseKeys', ['kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'], keys, {
      StringEquals: { 'kms:ViaService': throughServices(cluster, ['ec2', 's3']) },
    }),
    allow('GrantKeysToVolumes', 'kms:CreateGrant', keys, {
      StringEquals: { 'kms:ViaService': throughServices(cluster, ['ec2']) },
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    }),
    allow(
      'Aliases',
      ['kms:CreateAlias', 'kms:UpdateAlias'],
      inEach(cluster, ({ awsRegion }) => `arn:aws:kms:${awsRegion}:${account}:${keyAlias(cluster)}`),
    ),
    allow('MakeVolumes', ['ec2:CreateVolume', 'ec2:CreateTags'], '*', inRegions(cluster)),
    allow('Volumes', 'ec2:ModifyVolume', '*', ofCluster(cluster)),
  ];
}

function accessStatements(cluster: Cluster, account: string): readonly Statement[] {
  const name = deploymentName(cluster);
  const path = `${cluster.project}/${cluster.environment}`;
  const each = (arn: (awsRegion: string) => string | readonly string[]) =>
    inEach(cluster, ({ awsRegion }) => arn(awsRegion));
  return [
    allow(
      'Roles',
      [
        'iam:AddRoleToInstanceProfile',
        'iam:CreateInstanceProfile',
        'iam:CreateRole',
        'iam:DeleteInstanceProfile',
        'iam:DeleteRole',
        'iam:DeleteRolePolicy',
        'iam:Get*',
        'iam:List*',
        'iam:PutRolePolicy',
        'iam:RemoveRoleFromInstanceProfile',
        'iam:TagInstanceProfile',
        'iam:TagRole',
        'iam:UntagInstanceProfile',
        'iam:UntagRole',
        'iam:UpdateAssumeRolePolicy',
      ],
      [`arn:aws:iam::${account}:role/${path}/*`, `arn:aws:iam::${account}:instance-profile/${path}/*`],
    ),
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
      'Zones',
      [
        'route53:CreateHostedZone',
        'route53:AssociateVPCWithHostedZone',
        'route53:GetChange',
        'route53:ListHostedZones',
      ],
      '*',
    ),
    allow(
      'Names',
      [
        'route53:ChangeResourceRecordSets',
        'route53:ChangeTagsForResource',
        'route53:DeleteHostedZone',
        'route53:GetHostedZone',
        'route53:ListResourceRecordSets',
        'route53:ListTagsForResource',
        'route53:UpdateHostedZoneComment',
      ],
      'arn:aws:route53:::hostedzone/*',
    ),
    allow(
      'Alerts',
      [
        'sns:CreateTopic',
        'sns:DeleteTopic',
        'sns:GetTopicAttributes',
        'sns:GetSubscriptionAttributes',
        'sns:ListSubscriptionsByTopic',
        'sns:ListTagsForResource',
        'sns:SetTopicAttributes',
        'sns:Subscribe',
        'sns:TagResource',
        'sns:Unsubscribe',
      ],
      each((region) => `arn:aws:sns:${region}:${account}:${name}-*`),
    ),
    allow(
      'Alarms',
      [
        'cloudwatch:DeleteAlarms',
        'cloudwatch:DescribeAlarms',
        'cloudwatch:ListTagsForResource',
        'cloudwatch:PutMetricAlarm',
        'cloudwatch:TagResource',
      ],
      each((region) => `arn:aws:cloudwatch:${region}:${account}:alarm:*`),
    ),
    allow(
      'Logs',
      [
        'logs:AssociateKmsKey',
        'logs:CreateLogGroup',
        'logs:DeleteLogGroup',
        'logs:DescribeLogGroups',
        'logs:ListTagsForResource',
        'logs:PutRetentionPolicy',
        'logs:TagResource',
      ],
      each((region) => `arn:aws:logs:${region}:${account}:log-group:*`),
    ),
    allow(
      'Secrets',
      ['ssm:GetParameter', 'ssm:GetParameters', 'ssm:PutParameter'],
      each((region) => [
        `arn:aws:ssm:${region}:${account}:parameter/${path}/*`,
        `arn:aws:ssm:${region}::parameter/aws/service/debian/*`,
      ]),
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
        StringEquals: { 'ssm:resourceTag/project': cluster.project },
      },
    ),
    allow(
      'CommandResults',
      ['ssm:CancelCommand', 'ssm:DescribeInstanceInformation', 'ssm:GetCommandInvocation'],
      '*',
      inRegions(cluster),
    ),
  ];
}
