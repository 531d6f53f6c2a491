import { describe, expect, it } from 'vitest';
import { defineCluster } from '../../cluster/index.ts';
import { deployPolicies } from '../../reports/index.ts';
import { synthesize } from '../synthesized.ts';
import { everyOption } from './every-option.config.ts';

const account = '123456789012';

/** The API call that makes each resource (the provider's source, by its own names of calls). */
const makes: Readonly<Record<string, string>> = {
  aws_cloudwatch_log_group: 'logs:CreateLogGroup',
  aws_cloudwatch_metric_alarm: 'cloudwatch:PutMetricAlarm',
  aws_default_security_group: 'ec2:RevokeSecurityGroupIngress',
  aws_ebs_volume: 'ec2:CreateVolume',
  aws_eip: 'ec2:AllocateAddress',
  aws_flow_log: 'ec2:CreateFlowLogs',
  aws_iam_instance_profile: 'iam:CreateInstanceProfile',
  aws_iam_role: 'iam:CreateRole',
  aws_iam_role_policy: 'iam:PutRolePolicy',
  aws_instance: 'ec2:RunInstances',
  aws_internet_gateway: 'ec2:CreateInternetGateway',
  aws_kms_alias: 'kms:CreateAlias',
  aws_kms_key: 'kms:CreateKey',
  aws_lb: 'elasticloadbalancing:CreateLoadBalancer',
  aws_lb_listener: 'elasticloadbalancing:CreateListener',
  aws_lb_target_group: 'elasticloadbalancing:CreateTargetGroup',
  aws_lb_target_group_attachment: 'elasticloadbalancing:RegisterTargets',
  aws_nat_gateway: 'ec2:CreateNatGateway',
  aws_route: 'ec2:CreateRoute',
  aws_route53_record: 'route53:ChangeResourceRecordSets',
  aws_route53_zone: 'route53:CreateHostedZone',
  aws_route_table: 'ec2:CreateRouteTable',
  aws_route_table_association: 'ec2:AssociateRouteTable',
  aws_s3_bucket: 's3:CreateBucket',
  aws_s3_bucket_lifecycle_configuration: 's3:PutLifecycleConfiguration',
  aws_s3_bucket_object_lock_configuration: 's3:PutBucketObjectLockConfiguration',
  aws_s3_bucket_ownership_controls: 's3:PutBucketOwnershipControls',
  aws_s3_bucket_policy: 's3:PutBucketPolicy',
  aws_s3_bucket_public_access_block: 's3:PutBucketPublicAccessBlock',
  aws_s3_bucket_server_side_encryption_configuration: 's3:PutEncryptionConfiguration',
  aws_s3_bucket_versioning: 's3:PutBucketVersioning',
  aws_security_group: 'ec2:CreateSecurityGroup',
  aws_sns_topic: 'sns:CreateTopic',
  aws_sns_topic_policy: 'sns:SetTopicAttributes',
  aws_sns_topic_subscription: 'sns:Subscribe',
  aws_subnet: 'ec2:CreateSubnet',
  aws_volume_attachment: 'ec2:AttachVolume',
  aws_vpc: 'ec2:CreateVpc',
  aws_vpc_endpoint: 'ec2:CreateVpcEndpoint',
  aws_vpc_peering_connection: 'ec2:CreateVpcPeeringConnection',
  aws_vpc_peering_connection_accepter: 'ec2:AcceptVpcPeeringConnection',
  aws_vpc_peering_connection_options: 'ec2:ModifyVpcPeeringConnectionOptions',
  aws_vpc_security_group_egress_rule: 'ec2:AuthorizeSecurityGroupEgress',
  aws_vpc_security_group_ingress_rule: 'ec2:AuthorizeSecurityGroupIngress',
};

describe('the policies of a deploy', () => {
  const policies = deployPolicies(defineCluster(everyOption), account);
  const actions = policies.flatMap(({ document }) => document.Statement.flatMap(({ Action: action }) => action));

  it('are the ones the setup guide shows', async () => {
    const text = deployPolicies(defineCluster(), account)
      .map(
        ({ name, purpose, document }) =>
          `## ${name}\n\nFor ${purpose}.\n\n\`\`\`json\n${JSON.stringify(document, null, 2)}\n\`\`\`\n`,
      )
      .join('\n');
    const head = `# What a deploy is allowed to do\n\nThree IAM policies for the example configuration in the account ${account}.\n\n`;
    await expect(head + text).toMatchFileSnapshot('../../../../../docs/reference/deploy-policies.md');
  });

  it('allow to make every resource of every stack', () => {
    const types = new Set(Object.values(synthesize(everyOption)).flatMap(({ resource }) => Object.keys(resource)));
    expect([...types].sort()).toEqual(Object.keys(makes).sort());
    for (const type of types) expect(actions, type).toContain(makes[type]);
  });

  it('fit into IAM, which counts 6 144 characters without white space', () => {
    const longest = deployPolicies(
      defineCluster({ project: 'abcdefghijklmnop', environment: 'staging-eu-1' }),
      account,
    );
    for (const { name, document } of longest) {
      expect(JSON.stringify(document).replaceAll(/\s/g, '').length, name).toBeLessThanOrEqual(6_144);
    }
  });

  it('allow nobody to delete what must outlive a mistake', () => {
    const deadly =
      /^(s3:DeleteBucket|kms:ScheduleKeyDeletion|ec2:DeleteVolume|ssm:DeleteParameters?|s3:BypassGovernance.*|\w+:\*|\*)$/;
    expect(actions.filter((action) => deadly.test(action))).toEqual([]);
  });
});
