import { type Cluster, deploymentName, flowLogGroupName, keyAlias, type Region, rolePath } from '../cluster/index.ts';
import type { Network } from './network.ts';
import { CloudwatchLogGroup, Construct, DataAwsKmsAlias, FlowLog, IamRole, IamRolePolicy } from './terraform.ts';

/** Long enough to look back at what a stolen key did; a month of a busy network is already dear. */
const retentionDays = 30;

/** The network's accepted and refused connections, as an option: it is billed by the gigabyte. */
export class FlowLogs extends Construct {
  constructor(
    scope: Construct,
    id: string,
    cluster: Cluster,
    region: Region,
    { network, account }: { network: Network; account: string },
  ) {
    super(scope, id);
    const group = new CloudwatchLogGroup(this, 'group', {
      name: flowLogGroupName(cluster),
      retentionInDays: retentionDays,
      kmsKeyId: new DataAwsKmsAlias(this, 'key', { name: keyAlias(cluster) }).targetKeyArn,
    });
    const role = new IamRole(this, 'role', {
      name: `${deploymentName(cluster)}-${region.kind}-flow-logs`,
      path: rolePath(cluster, region),
      assumeRolePolicy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Principal: { Service: 'vpc-flow-logs.amazonaws.com' },
            Action: 'sts:AssumeRole',
            Condition: { StringEquals: { 'aws:SourceAccount': account } },
          },
        ],
      }),
    });
    new IamRolePolicy(this, 'role-policy', {
      name: 'write',
      role: role.name,
      policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
            Resource: [group.arn, `${group.arn}:*`],
          },
          // asks which groups there are; it has no narrower resource (VPC user guide, "IAM role for publishing flow logs")
          { Effect: 'Allow', Action: 'logs:DescribeLogGroups', Resource: '*' },
        ],
      }),
    });
    new FlowLog(this, 'log', {
      vpcId: network.vpcId,
      trafficType: 'ALL',
      logDestinationType: 'cloud-watch-logs',
      logDestination: group.arn,
      iamRoleArn: role.arn,
      maxAggregationInterval: 60,
      dependsOn: [role],
    });
  }
}
