import { stringify } from 'yaml';
import { type Cluster, membersOf, type Node, nodesOf, ports, regionsOf } from '../../cluster/index.ts';
import { evaluationSeconds } from '../../observability/index.ts';
import { caFile, tlsFilesOf } from '../tls.ts';

export const rulesFile = '/etc/prometheus/rules/pgha.yml';
/** Whoever opens a page of the monitoring machine logs in as this user. */
export const pagesUser = 'admin';
export const pagesPasswordFile = '/etc/pgha/secrets/grafana_admin';

/** An alert is to name the cause within a minute: see `evaluationSeconds`. */
const scrapeSeconds = 10;

interface Job {
  name: string;
  nodes: readonly Node[];
  port: number;
  /** The pages that people open ask for the password too. */
  login?: boolean;
  /** Names of series that nobody reads and that would be most of what is kept. */
  dropped?: string;
}

/** Everything that has figures, by job. */
function scrapeJobs(cluster: Cluster, monitoring: Node, hasGrafana: boolean): readonly Job[] {
  const everywhere = regionsOf(cluster);
  const members = everywhere.flatMap(membersOf);
  const withRole = (role: Node['role']) => everywhere.flatMap((region) => nodesOf(region, role));
  return [
    { name: 'node', nodes: everywhere.flatMap(({ nodes }) => nodes), port: ports.nodeExporter },
    {
      name: 'etcd',
      nodes: withRole('etcd'),
      port: ports.etcdClient,
      dropped: 'etcd_debugging_.*|grpc_.*|go_.*|os_fd_.*',
    },
    { name: 'patroni', nodes: members, port: ports.patroni },
    { name: 'postgres', nodes: members, port: ports.postgresExporter },
    { name: 'pgbouncer', nodes: members, port: ports.pgbouncerExporter },
    { name: 'pgbackrest', nodes: members, port: ports.pgbackrestExporter },
    { name: 'router', nodes: members, port: ports.haproxyMetrics },
    { name: 'api', nodes: withRole('api'), port: ports.api },
    { name: 'read-api', nodes: withRole('api'), port: ports.readApi },
    { name: 'prometheus', nodes: [monitoring], port: ports.prometheus, login: true },
    { name: 'alertmanager', nodes: [monitoring], port: ports.alertmanager, login: true },
    ...(hasGrafana ? [{ name: 'grafana', nodes: [monitoring], port: ports.grafana }] : []),
  ];
}

/** `prometheus.yml`: every target by its name in the private zone, with this machine's certificate. */
export function renderPrometheusConfig(cluster: Cluster, monitoring: Node, hasGrafana: boolean): string {
  const { certificate, key } = tlsFilesOf('prometheus');
  const tls = { ca_file: caFile, cert_file: certificate, key_file: key };
  const login = { basic_auth: { username: pagesUser, password_file: pagesPasswordFile } };
  const region = (node: Node) =>
    regionsOf(cluster).find(({ nodes }) => nodes.some(({ name }) => name === node.name))?.kind;
  const config = {
    global: {
      scrape_interval: `${scrapeSeconds}s`,
      // a machine that is gone must not hold its scrape open until the next one
      scrape_timeout: `${scrapeSeconds / 2}s`,
      evaluation_interval: `${evaluationSeconds}s`,
      external_labels: { cluster: `${cluster.project}-${cluster.environment}` },
    },
    rule_files: [rulesFile],
    alerting: {
      alertmanagers: [
        {
          scheme: 'https',
          tls_config: tls,
          ...login,
          static_configs: [{ targets: [`${monitoring.hostname}:${ports.alertmanager}`] }],
        },
      ],
    },
    scrape_configs: scrapeJobs(cluster, monitoring, hasGrafana)
      .filter(({ nodes }) => nodes.length > 0)
      .map((job) => ({
        job_name: job.name,
        scheme: 'https',
        tls_config: tls,
        ...(job.login === true ? login : {}),
        ...(job.dropped === undefined
          ? {}
          : { metric_relabel_configs: [{ source_labels: ['__name__'], regex: job.dropped, action: 'drop' }] }),
        static_configs: job.nodes.map((node) => ({
          targets: [`${node.hostname}:${job.port}`],
          // the machine's name is what people and alerts call it; a port says nothing
          labels: { instance: node.name, region: region(node), role: node.role },
        })),
      })),
  };
  return stringify(config, { lineWidth: 0 });
}
