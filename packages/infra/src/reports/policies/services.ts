import {
  type Cluster,
  flowLogGroupName,
  loadBalancerListeners,
  loadBalancerName,
  machineResourceName,
  type Region,
  targetGroupName,
} from '../../cluster/index.ts';
import { alertTopicName } from '../../machines/index.ts';
import { allow, inEach, inRegions, type Statement } from './statement.ts';

/** Load balancers, names, alerts, logs. */
export function serviceStatements(cluster: Cluster, account: string): readonly Statement[] {
  const each = (arn: (awsRegion: string) => string | readonly string[]) =>
    inEach(cluster, ({ awsRegion }) => arn(awsRegion));
  return [
    ...loadBalancers(cluster, account),
    allow('Zones', ['route53:CreateHostedZone', 'route53:ListHostedZones'], '*'),
    allow('Records', 'route53:ChangeResourceRecordSets', 'arn:aws:route53:::hostedzone/*', {
      'ForAllValues:StringLike': {
        'route53:ChangeResourceRecordSetsNormalizedRecordNames': [cluster.zone, `*.${cluster.zone}`],
      },
    }),
    // zones have no tags that a policy knows; one with records is not deleted
    allow(
      'Names',
      [
        'route53:AssociateVPCWithHostedZone',
        'route53:ChangeTagsForResource',
        'route53:DeleteHostedZone',
        'route53:GetChange',
        'route53:GetHostedZone',
        'route53:ListResourceRecordSets',
        'route53:ListTagsForResource',
        'route53:UpdateHostedZoneComment',
      ],
      ['arn:aws:route53:::hostedzone/*', 'arn:aws:route53:::change/*'],
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
      each((region) => {
        const topic = `arn:aws:sns:${region}:${account}:${alertTopicName(cluster)}`;
        return [topic, `${topic}:*`];
      }),
    ),
    allow(
      'Alarms',
      [
        'cloudwatch:DeleteAlarms',
        'cloudwatch:ListTagsForResource',
        'cloudwatch:PutMetricAlarm',
        'cloudwatch:TagResource',
      ],
      inEach(cluster, (region) => alarmsOf(cluster, region, account)),
    ),
    // knows no narrower resource: it answers for all or none
    allow(
      'LookAtAlarms',
      'cloudwatch:DescribeAlarms',
      each((region) => `arn:aws:cloudwatch:${region}:${account}:alarm:*`),
    ),
    allow(
      'Logs',
      [
        'logs:AssociateKmsKey',
        'logs:CreateLogGroup',
        'logs:DeleteLogGroup',
        'logs:ListTagsForResource',
        'logs:PutRetentionPolicy',
        'logs:TagResource',
      ],
      each((region) => {
        const group = `arn:aws:logs:${region}:${account}:log-group:${flowLogGroupName(cluster)}`;
        return [group, `${group}:*`];
      }),
    ),
    allow('LookAtLogs', 'logs:DescribeLogGroups', '*', inRegions(cluster)),
  ];
}

/** By their names, which the configuration fixes. */
function loadBalancers(cluster: Cluster, account: string): readonly Statement[] {
  const named = (parts: readonly string[]) =>
    inEach(cluster, ({ awsRegion }) =>
      parts.map((part) => `arn:aws:elasticloadbalancing:${awsRegion}:${account}:${part}/*`),
    );
  const balancer = loadBalancerName(cluster);
  const groups = loadBalancerListeners.map(({ port }) => `targetgroup/${targetGroupName(cluster, port)}`);
  return [
    allow(
      'LoadBalancers',
      [
        'elasticloadbalancing:AddTags',
        'elasticloadbalancing:CreateListener',
        'elasticloadbalancing:CreateLoadBalancer',
        'elasticloadbalancing:DeleteListener',
        'elasticloadbalancing:DeleteLoadBalancer',
        'elasticloadbalancing:ModifyListener',
        'elasticloadbalancing:ModifyListenerAttributes',
        'elasticloadbalancing:ModifyLoadBalancerAttributes',
        'elasticloadbalancing:RemoveTags',
        'elasticloadbalancing:SetSecurityGroups',
      ],
      named([`loadbalancer/net/${balancer}`, `listener/net/${balancer}`]),
    ),
    allow(
      'TargetGroups',
      [
        'elasticloadbalancing:AddTags',
        'elasticloadbalancing:CreateTargetGroup',
        'elasticloadbalancing:DeleteTargetGroup',
        'elasticloadbalancing:DeregisterTargets',
        'elasticloadbalancing:ModifyTargetGroup',
        'elasticloadbalancing:ModifyTargetGroupAttributes',
        'elasticloadbalancing:RegisterTargets',
        'elasticloadbalancing:RemoveTags',
      ],
      named(groups),
    ),
  ];
}

/** By the names of the machines without their numbers: `pgha-prod-*` would be those of an environment `prod-eu` as well. */
function alarmsOf(cluster: Cluster, region: Region, account: string): readonly string[] {
  const patterns = region.nodes.map((node) => machineResourceName(cluster, node).replace(/\d+$/, '*'));
  return [...new Set(patterns)].map(
    (pattern) => `arn:aws:cloudwatch:${region.awsRegion}:${account}:alarm:${pattern}-recover`,
  );
}
