import { stringify } from 'yaml';
import type { Cluster } from '../../cluster/index.ts';

/** Where alerts go: an SNS topic, or only the web pages of Prometheus and Alertmanager. */
export type AlertTarget = { kind: 'sns'; awsRegion: string; topicArn: string } | { kind: 'pages' };

/** Alertmanager's configuration as it runs, with the number of the account. */
export const alertmanagerConfig = '/run/pgha-alertmanager/alertmanager.yml';

/** The SNS topic's name; the stack that makes it and the machine that uses it both take it from here. */
export function alertTopicName(cluster: Cluster): string {
  return `${cluster.project}-${cluster.environment}-alerts`;
}

/** Stands for the account's number, which no rendered file knows: the machine asks its metadata service. */
export const accountPlaceholder = 'AWS_ACCOUNT_ID';

/** `alertmanager.yml`: one message per cause, quickly; what follows from a node that is down is suppressed. */
export function renderAlertmanagerConfig(target: AlertTarget): string {
  const config = {
    route: {
      receiver: target.kind,
      group_by: ['alertname', 'region'],
      // five seconds group what one fault sets off; a critical alert is repeated every hour until it is resolved
      group_wait: '5s',
      group_interval: '1m',
      repeat_interval: '4h',
      routes: [{ receiver: target.kind, matchers: ['severity="critical"'], repeat_interval: '1h' }],
    },
    inhibit_rules: [
      // a node that is down explains every other alert of it
      {
        source_matchers: ['alertname="NodeDown"'],
        target_matchers: ['alertname!="NodeDown"'],
        equal: ['instance'],
      },
      {
        source_matchers: ['alertname="EtcdQuorumLost"'],
        target_matchers: ['alertname=~"EtcdNoLeader|FailsafeMode"'],
        equal: ['region'],
      },
      {
        source_matchers: ['alertname="DiskSpaceCritical"'],
        target_matchers: ['alertname="DiskSpaceLow"'],
        equal: ['instance', 'mountpoint'],
      },
      {
        source_matchers: ['alertname="CertificateExpiringCritical"'],
        target_matchers: ['alertname="CertificateExpiring"'],
        equal: ['instance', 'path'],
      },
    ],
    receivers: [target.kind === 'sns' ? snsReceiver(target.awsRegion, target.topicArn) : { name: 'pages' }],
  };
  return stringify(config, { lineWidth: 0 });
}

const snsReceiver = (awsRegion: string, topicArn: string) => ({
  name: 'sns',
  sns_configs: [
    {
      // the credentials are the machine's role
      sigv4: { region: awsRegion },
      topic_arn: topicArn,
      send_resolved: true,
      subject:
        '{{ if eq .Status "firing" }}{{ .CommonLabels.severity }}{{ else }}resolved{{ end }}: {{ .CommonLabels.alertname }}',
      message: `{{ range .Alerts }}{{ if eq .Status "firing" }}FIRING{{ else }}RESOLVED{{ end }}: {{ .Annotations.summary }}
  Since: {{ .StartsAt }}
  Impact: {{ .Annotations.impact }}
  First action: {{ .Annotations.runbook }}
  Runbook: {{ .Annotations.runbook_url }}
{{ end }}`,
    },
  ],
});
