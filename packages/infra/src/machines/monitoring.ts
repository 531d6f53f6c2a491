import { type Cluster, instanceTypeNamed, type Node, ports, regionOf } from '../cluster/index.ts';
import { renderRules } from '../observability/index.ts';
import {
  type AlertTarget,
  accountPlaceholder,
  alertmanagerConfig,
  alertTopicName,
  renderAlertmanagerConfig,
} from './config/alertmanager.ts';
import { grafana, grafanaUnit } from './config/grafana.ts';
import { pagesPasswordFile, pagesUser, renderPrometheusConfig, rulesFile } from './config/prometheus.ts';
import { type MachinePart, machineFile, type Site, type UnitAction } from './machine.ts';
import { bundledRules, programFile } from './program.ts';
import { passwordFile } from './secrets.ts';
import { caCertificate, tlsFilesOf } from './tls.ts';

const prometheusUnit = 'prometheus.service';
const alertmanagerUnit = 'prometheus-alertmanager.service';
const pagesUnit = 'pgha-pages.service';
/** Made at every start from the password, so that no rendered file knows even its hash. */
const pagesConfig = '/run/pgha-pages/web.yml';
const alertmanagerTemplate = '/etc/prometheus/alertmanager.template.yml';

/** How much history fits on the machine's volume beside everything else. */
const retentionDays = 15;

/** The machine that watches: Prometheus, Alertmanager and, where its repository can be reached, Grafana. */
export function monitoringServer(cluster: Cluster, node: Node, site: Site): readonly MachinePart[] {
  const hasGrafana = site.kind === 'aws';
  return [watchers(cluster, node, site, hasGrafana), ...(hasGrafana ? [grafana(cluster, node)] : [])];
}

function watchers(cluster: Cluster, node: Node, site: Site, hasGrafana: boolean): MachinePart {
  const reload: readonly UnitAction[] = [{ unit: prometheusUnit, action: 'reload' }];
  const restart = (unit: string): readonly UnitAction[] => [{ unit, action: 'restart' }];
  return {
    packages: ['prometheus', 'prometheus-alertmanager', 'python3-bcrypt'],
    files: [
      machineFile('/etc/prometheus/prometheus.yml', renderPrometheusConfig(cluster, node, hasGrafana), {
        onChange: reload,
      }),
      machineFile(rulesFile, renderRules(cluster), { onChange: reload, bundledAs: bundledRules }),
      machineFile('/etc/default/prometheus', renderPrometheusDefaults(cluster, node), {
        onChange: restart(prometheusUnit),
      }),
      machineFile('/etc/systemd/system/prometheus.service.d/pgha.conf', `${dropIn}${renderMemoryLimit(node)}`, {
        onChange: restart(prometheusUnit),
      }),
      machineFile(alertmanagerTemplate, renderAlertmanagerConfig(alertTarget(cluster, node, site)), {
        onChange: restart(alertmanagerUnit),
      }),
      machineFile('/etc/default/prometheus-alertmanager', renderAlertmanagerDefaults(node), {
        onChange: restart(alertmanagerUnit),
      }),
      machineFile('/etc/systemd/system/prometheus-alertmanager.service.d/pgha.conf', `${dropIn}${alertmanagerStart}`, {
        onChange: restart(alertmanagerUnit),
      }),
      programFile('pgha-account-config.py', '/usr/local/lib/pgha/account-config'),
      programFile('pgha-pages.py', '/usr/local/lib/pgha/pages'),
      machineFile('/etc/systemd/system/pgha-pages.service', renderPagesUnit(), { onChange: restart(pagesUnit) }),
    ],
    secrets: [
      // Grafana reads the CA of its data source when it starts
      caCertificate(cluster, [...reload, ...(hasGrafana ? restart(grafanaUnit) : [])]),
      // Prometheus itself logs in to its own pages and to Alertmanager's
      { ...passwordFile(cluster, 'grafana_admin', 'prometheus', restart(pagesUnit)), path: pagesPasswordFile },
    ],
    units: [
      { unit: pagesUnit, state: 'started' },
      { unit: prometheusUnit, state: 'started' },
      { unit: alertmanagerUnit, state: 'started' },
    ],
    listens: [
      { port: ports.prometheus, purpose: 'Prometheus', from: ['admin'], speaks: 'tls' },
      { port: ports.alertmanager, purpose: 'Alertmanager', from: ['admin'], speaks: 'tls' },
    ],
  };
}

function alertTarget(cluster: Cluster, node: Node, site: Site): AlertTarget {
  if (site.kind === 'lab' || cluster.alertEmail === null) return { kind: 'pages' };
  const { awsRegion } = regionOf(cluster, node);
  const topicArn = `arn:aws:sns:${awsRegion}:${accountPlaceholder}:${alertTopicName(cluster)}`;
  return { kind: 'sns', awsRegion, topicArn };
}

function renderPrometheusDefaults(cluster: Cluster, node: Node): string {
  // half of the volume: compaction needs room beside what it compacts
  const retentionGib = Math.max(1, Math.floor(cluster.volumes.monitoringGib / 2));
  return renderArguments([
    '--config.file=/etc/prometheus/prometheus.yml',
    '--storage.tsdb.path=/var/lib/prometheus/metrics2',
    `--storage.tsdb.retention.time=${retentionDays}d`,
    `--storage.tsdb.retention.size=${retentionGib}GB`,
    `--web.listen-address=:${ports.prometheus}`,
    `--web.external-url=https://${node.hostname}:${ports.prometheus}/`,
    `--web.config.file=${pagesConfig}`,
  ]);
}

function renderAlertmanagerDefaults(node: Node): string {
  return renderArguments([
    `--config.file=${alertmanagerConfig}`,
    '--storage.path=/var/lib/prometheus/alertmanager',
    `--web.listen-address=:${ports.alertmanager}`,
    `--web.external-url=https://${node.hostname}:${ports.alertmanager}/`,
    `--web.config.file=${pagesConfig}`,
    // one Alertmanager has nobody to gossip with
    '--cluster.listen-address=',
  ]);
}

const renderArguments = (lines: readonly string[]) => `ARGS="${lines.join(' ')}"\n`;

const dropIn = `[Unit]
After=${pagesUnit} pgha-secrets.service
Requires=${pagesUnit}
StartLimitIntervalSec=0

[Service]
Restart=always
RestartSec=2
`;

/** Go gives memory back below this instead of meeting the OOM killer; half is for the machine and the page cache. */
function renderMemoryLimit({ instanceType }: Node): string {
  return `Environment=GOMEMLIMIT=${Math.floor(instanceTypeNamed(instanceType).memoryMib / 2)}MiB\n`;
}

const alertmanagerStart = `RuntimeDirectory=pgha-alertmanager
ExecStartPre=/usr/local/lib/pgha/account-config ${alertmanagerTemplate} ${alertmanagerConfig} ${accountPlaceholder}
ProtectSystem=strict
ReadWritePaths=/var/lib/prometheus
ProtectHome=yes
PrivateTmp=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
`;

function renderPagesUnit(): string {
  const { certificate, key } = tlsFilesOf('prometheus');
  return `[Unit]
Description=TLS and a login for the pages of Prometheus and Alertmanager
After=pgha-secrets.service

[Service]
Type=oneshot
RemainAfterExit=yes
User=prometheus
RuntimeDirectory=pgha-pages
RuntimeDirectoryMode=0700
ExecStart=/usr/local/lib/pgha/pages ${pagesUser} ${pagesPasswordFile} ${certificate} ${key} ${pagesConfig}
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateNetwork=yes
NoNewPrivileges=yes
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
`;
}
