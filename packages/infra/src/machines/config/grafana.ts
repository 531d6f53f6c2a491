import { stringify } from 'yaml';
import { type Cluster, type Node, ports } from '../../cluster/index.ts';
import { renderDashboards } from '../../observability/index.ts';
import { type MachinePart, machineFile, type UnitAction } from '../machine.ts';
import { programFile } from '../program.ts';
import { passwordFile } from '../secrets.ts';
import { caFile, machineCertificate, tlsFilesOf } from '../tls.ts';
import { pagesUser } from './prometheus.ts';

export const grafanaUnit = 'grafana-server.service';
const unit = grafanaUnit;
const restart: readonly UnitAction[] = [{ unit, action: 'restart' }];
const passwordPath = '/etc/pgha/secrets/grafana';
const passwordProgram = '/usr/local/lib/pgha/grafana-password';
const dashboardFolder = '/etc/pgha/dashboards';
/** As the package leaves its configuration: another mode would differ from ours after the installation. */
const ownership = { mode: '0640', group: 'grafana', onChange: restart };

/**
 * Grafana, from its makers' signed apt repository: Debian has no package of it. The key it is signed with is checked
 * against the fingerprint in `install-grafana.sh`.
 */
export function grafana(cluster: Cluster, node: Node): MachinePart {
  return {
    packages: ['curl', 'gpg'],
    files: [
      // the files below belong to the user before the package, which would make it, is there
      machineFile('/etc/sysusers.d/pgha-grafana.conf', 'u grafana - "Grafana" /usr/share/grafana\n'),
      machineFile('/etc/grafana/grafana.ini', renderIni(node), ownership),
      machineFile('/etc/grafana/provisioning/datasources/pgha.yml', renderDatasource(node), ownership),
      machineFile('/etc/grafana/provisioning/dashboards/pgha.yml', dashboardProvider, ownership),
      // Grafana reads changed dashboards by itself
      ...renderDashboards(cluster).map(({ name, json }) => machineFile(`${dashboardFolder}/${name}.json`, json)),
      programFile('install-grafana.sh', '/usr/local/lib/pgha/install-grafana'),
      programFile('pgha-grafana-password.sh', passwordProgram),
      machineFile(
        `/etc/systemd/system/${unit}.d/pgha.conf`,
        `[Unit]\nAfter=pgha-secrets.service\n\n[Service]\nExecStartPre=${passwordProgram} ${passwordPath}\n`,
      ),
    ],
    secrets: [
      ...machineCertificate(cluster, node, 'grafana', restart),
      { ...passwordFile(cluster, 'grafana_admin', 'grafana', restart), path: passwordPath },
    ],
    bootSteps: [{ name: 'grafana', script: '/usr/local/lib/pgha/install-grafana' }],
    units: [{ unit, state: 'started' }],
    listens: [{ port: ports.grafana, purpose: 'Grafana', from: ['admin'], speaks: 'tls' }],
  };
}

function renderIni(node: Node): string {
  const { certificate, key } = tlsFilesOf('grafana');
  return `[server]
protocol = https
http_port = ${ports.grafana}
domain = ${node.hostname}
root_url = https://${node.hostname}:${ports.grafana}/
cert_file = ${certificate}
cert_key = ${key}
min_tls_version = TLS1.3

[security]
admin_user = ${pagesUser}
; takes effect when the database is made; later every start sets it
admin_password = $__file{${passwordPath}}
cookie_secure = true
strict_transport_security = true
disable_gravatar = true

[users]
allow_sign_up = false

[auth.anonymous]
enabled = false

[analytics]
reporting_enabled = false
check_for_updates = false
check_for_plugin_updates = false

[plugins]
preinstall_disabled = true

[unified_alerting]
; alerts are Prometheus' and Alertmanager's
enabled = false

[log]
mode = console
`;
}

function renderDatasource(node: Node): string {
  return stringify(
    {
      apiVersion: 1,
      datasources: [
        {
          name: 'Prometheus',
          uid: 'prometheus',
          type: 'prometheus',
          access: 'proxy',
          isDefault: true,
          url: `https://${node.hostname}:${ports.prometheus}`,
          basicAuth: true,
          basicAuthUser: pagesUser,
          jsonData: { httpMethod: 'POST', timeInterval: '10s', tlsAuthWithCACert: true },
          secureJsonData: {
            basicAuthPassword: `$__file{${passwordPath}}`,
            tlsCACert: `$__file{${caFile}}`,
          },
        },
      ],
    },
    { lineWidth: 0 },
  );
}

const dashboardProvider = stringify({
  apiVersion: 1,
  providers: [
    {
      name: 'pgha',
      type: 'file',
      allowUiUpdates: false,
      updateIntervalSeconds: 30,
      options: { path: dashboardFolder },
    },
  ],
});
