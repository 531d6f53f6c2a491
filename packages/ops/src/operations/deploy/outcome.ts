import { activeLoginParameter, loadBalancerListeners, nodesOf, passwordParameter, ports } from '@pgha/infra/cluster';
import { apiKeysParameter } from '@pgha/infra/machines';
import { authorityParameters } from '../../secrets/index.ts';
import type { Scope } from './target.ts';

/** Where everything of a deployed region is, for people and programs. */
export interface Outcome {
  region: string;
  loadBalancer: { dnsName: string; hostname: string };
  /** `psql` for each port of the load balancer. */
  psql: readonly { purpose: string; command: string }[];
  urls: readonly { what: string; url: string }[];
  /** How the certificate, the password and the API key are had. */
  secrets: readonly string[];
}

/**
 * What the quick start shows at its end.
 *
 * @param outputs of the region's stack.
 */
export function outcomeOf({ cluster, region }: Scope, outputs: Readonly<Record<string, unknown>>): Outcome {
  const addresses = (outputs['public_addresses'] ?? {}) as Readonly<Record<string, string>>;
  const { hostname } = region.loadBalancer;
  const parameter = (name: string) =>
    `aws ssm get-parameter --region ${region.awsRegion} --with-decryption --query Parameter.Value --output text --name ${name}`;
  const page = (what: string, name: string, port: number, path = '/') => {
    const address = addresses[name];
    return address === undefined ? [] : [{ what, url: `https://${address}:${port}${path}` }];
  };
  return {
    region: region.awsRegion,
    loadBalancer: { dnsName: String(outputs['load_balancer_dns_name'] ?? ''), hostname },
    psql: loadBalancerListeners.map(({ port, purpose }) => ({
      purpose,
      command: `psql "host=${hostname} port=${port} dbname=${cluster.database} user=app_a sslmode=verify-full sslrootcert=ca.crt"`,
    })),
    urls: [
      ...nodesOf(region, 'api').flatMap(({ name }) => [
        ...page('write API', name, ports.api),
        ...page('read API', name, ports.readApi),
        ...page('Swagger UI', name, ports.api, '/docs'),
      ]),
      ...nodesOf(region, 'monitoring').flatMap(({ name }) => [
        ...page('Grafana', name, ports.grafana),
        ...page('Prometheus', name, ports.prometheus),
        ...page('Alertmanager', name, ports.alertmanager),
      ]),
    ],
    secrets: [
      `${parameter(authorityParameters(cluster).certificate)} > ca.crt`,
      parameter(activeLoginParameter(cluster, 'app')),
      parameter(passwordParameter(cluster, 'app_a')),
      parameter(apiKeysParameter(cluster)),
    ],
  };
}

/** The outcome as a person reads it. */
export function describeOutcome({ loadBalancer, psql, urls, secrets }: Outcome): string {
  const lines = [
    `Load balancer   ${loadBalancer.dnsName}`,
    `                ${loadBalancer.hostname} inside both VPCs`,
    '',
    ...psql.map(({ purpose, command }) => `${purpose.padEnd(18)}${command}`),
    '',
    ...urls.map(({ what, url }) => `${what.padEnd(16)}${url}`),
    '',
    "The cluster's CA certificate, the current login, its password and the API key:",
    ...secrets.map((command) => `  ${command}`),
  ];
  return `${lines.join('\n')}\n`;
}
