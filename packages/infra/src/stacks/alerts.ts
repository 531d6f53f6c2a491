import { type Cluster, keyAlias, machineResourceName, nodesOf, type Region } from '../cluster/index.ts';
import { alertTopicName } from '../machines/index.ts';
import type { Machines } from './machines.ts';
import { CloudwatchMetricAlarm, Construct, SnsTopic, SnsTopicPolicy, SnsTopicSubscription } from './terraform.ts';

/** Where a region's alerts go, and the one thing AWS can repair by itself: a machine on failed hardware. */
export class Alerts extends Construct {
  readonly topicArn: string;

  constructor(scope: Construct, id: string, cluster: Cluster, region: Region, machines: Machines, account: string) {
    super(scope, id);
    const topic = new SnsTopic(this, 'topic', { name: alertTopicName(cluster), kmsMasterKeyId: keyAlias(cluster) });
    this.topicArn = topic.arn;
    new SnsTopicPolicy(this, 'topic-policy', {
      arn: topic.arn,
      policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'Alarms',
            Effect: 'Allow',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Action: 'sns:Publish',
            Resource: topic.arn,
            Condition: { StringEquals: { 'aws:SourceAccount': account } },
          },
        ],
      }),
    });
    if (cluster.alertEmail !== null) {
      new SnsTopicSubscription(this, 'email', {
        topicArn: topic.arn,
        protocol: 'email',
        endpoint: cluster.alertEmail,
      });
    }
    for (const node of nodesOf(region, 'monitoring')) {
      // nothing else watches it: an instance that is stopped has no data, which counts as failed
      new CloudwatchMetricAlarm(this, `watched-${node.name}`, {
        alarmName: `${machineResourceName(cluster, node)}-down`,
        alarmDescription: `${node.name} is down: no alert of the cluster is sent until it is up again`,
        namespace: 'AWS/EC2',
        metricName: 'StatusCheckFailed',
        dimensions: { InstanceId: machines.instanceOf(node).id },
        statistic: 'Maximum',
        comparisonOperator: 'GreaterThanOrEqualToThreshold',
        threshold: 1,
        period: 60,
        evaluationPeriods: 3,
        treatMissingData: 'breaching',
        alarmActions: [topic.arn],
        okActions: [topic.arn],
      });
    }
    for (const node of region.nodes) {
      new CloudwatchMetricAlarm(this, `recover-${node.name}`, {
        alarmName: `${machineResourceName(cluster, node)}-recover`,
        alarmDescription: `${node.name} runs on failed hardware: it is restarted on other hardware, with its address and volumes`,
        namespace: 'AWS/EC2',
        metricName: 'StatusCheckFailed_System',
        dimensions: { InstanceId: machines.instanceOf(node).id },
        statistic: 'Maximum',
        comparisonOperator: 'GreaterThanOrEqualToThreshold',
        threshold: 1,
        period: 60,
        // a second minute, because a single failed check is more often the checker's
        evaluationPeriods: 2,
        treatMissingData: 'missing',
        alarmActions: [`arn:aws:automate:${region.awsRegion}:ec2:recover`, topic.arn],
      });
    }
  }
}
