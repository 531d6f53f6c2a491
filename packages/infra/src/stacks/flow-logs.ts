import { type Cluster, deploymentName, flowLogGroupName, type Region, rolePath } from '../cluster/index.ts';
import type { Network } from './network.ts';
import { CloudwatchLogGroup, Construct, FlowLog, IamRole, IamRolePolicy } from './terraform.ts';

/** Long enough to look back at what a stolen key did; a month of a busy network is already dear. */
const retentionDays = 30;

/** Where the connections are written: beside the data, because they are wanted most when a network was taken down. */
export function addFlowLogGroup(scope: Construct, id: string, cluster: Cluster, keyArn: string): void {
  new CloudwatchLogGroup(scope, id, {
    name: flowLogGroupName(cluster),
    retentionInDays: retentionDays,
    kmsKeyId: keyArn,
  });
}

/** The network's accepted and refused connections, as an option: it is billed by the gigabyte. */
export class FlowLogs extends Construct {
  constructor(
    scope: Construct,
    id: string,
    cluster: Cluster,
    region: Region,
    { network, account, boundary }: { network: Network; account: string; boundary: string | null },
  ) {
    super(scope, id);
    const groupArn = `arn:aws:logs:${region.awsRegion}:${account}:log-group:${flowLogGroupName(cluster)}`;
    const role = new IamRole(this, 'role', {
      name: `${deploymentName(cluster)}-${region.kind}-flow-logs`,
      path: rolePath(cluster, region),
      ...(boundary === null ? {} : { permissionsBoundary: boundary }),
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
    const mayWrite = new IamRolePolicy(this, 'role-policy', {
      name: 'write',
      role: role.name,
      policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
            Resource: [groupArn, `${groupArn}:*`],
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
      logDestination: groupArn,
      iamRoleArn: role.arn,
      maxAggregationInterval: 60,
      dependsOn: [mayWrite],
    });
  }
}
