import { allNodes, defineCluster, regionOf } from '@pgha/infra/cluster';
import { awsSite, type Machine, renderMachine } from '@pgha/infra/machines';
import { describe, expect, it } from 'vitest';
import { labSite } from '../../lab/site.ts';

const cluster = defineCluster({ alertEmail: 'ops@example.com', primary: { postgres: 3 } });
const authority = { certificate: '-----BEGIN CERTIFICATE-----\n', key: '' };

/** A machine by its parts, each under a name. */
function partsOf(machine: Machine): Map<string, string> {
  return new Map([
    ...machine.files.map((file): [string, string] => [`file ${file.path}`, JSON.stringify(file)]),
    ...machine.secrets.map((secret): [string, string] => [`secret ${secret.path}`, JSON.stringify(secret)]),
    ...machine.bootSteps.map(({ name, script }): [string, string] => [`step ${name}`, script]),
    ...machine.units.map(({ unit, state }): [string, string] => [`unit ${unit}`, state]),
    ...machine.packages.map((name): [string, string] => [`package ${name}`, '']),
    ...machine.listens.map((listener): [string, string] => [`port ${listener.port}`, JSON.stringify(listener)]),
  ]);
}

/**
 * Everything that may differ between EC2 and the lab, with the reason. What is not here is rendered from the same code to the
 * same bytes.
 */
const differing: readonly (readonly [RegExp, string])[] = [
  [/^file \/etc\/hosts$/, 'the lab has no private zone'],
  [/^file \/etc\/pgha\/site-ca\.pem$/, "the stand-in's own CA"],
  [/^file \/etc\/pgha\/(secrets|deploy)\.json$/, "the stand-in's CA and buckets"],
  [/^file \/etc\/pgha\/observe\.json$/, 'which units have to run'],
  [/^file \/etc\/pgha\/repositories\.json$/, "the stand-in's CA and buckets"],
  [/^file \/etc\/chrony\/sources\.d\/amazon\.sources$/, "Amazon's time service"],
  [
    /^(file .*install-ssm-agent|step Systems Manager agent|unit amazon-ssm-agent\.service|package curl)$/,
    'the lab is entered by its namespaces',
  ],
  [
    /^(file .*var-lib-postgresql\.mount|file .*make-file-system|step data volume|package (e2fsprogs|amazon-ec2-utils))$/,
    'a volume of its own',
  ],
  [
    /^(file \/etc\/patroni\/config\/10-machine\.yml|file .*\/patroni\.service\.d\/pgha\.conf|package kmod)$/,
    'a container has no watchdog, and its data no mount',
  ],
  [
    /grafana|\/dashboards\/|^package gpg$|^port 3000$|^file .*(pgha-secrets\.service|certificates\.json)$/,
    "Grafana's repository cannot be reached",
  ],
  [/^secret \/etc\/pgha\/tls\/ca\.crt$/, 'no Grafana that would be restarted'],
  [/^file \/etc\/prometheus\/(prometheus\.yml|alertmanager\.template\.yml)$/, 'no Grafana, no SNS'],
];

describe('a machine on EC2', () => {
  it.each(allNodes(cluster).map((node) => [node.name, node] as const))(
    'is the one that the lab boots, but for what its site says: %s',
    (_, node) => {
      const region = regionOf(cluster, node);
      const aws = partsOf(renderMachine(cluster, node, awsSite(cluster, region, '123456789012')));
      const lab = partsOf(renderMachine(cluster, node, labSite(cluster, region, authority)));
      const names = [...new Set([...aws.keys(), ...lab.keys()])];
      const different = names.filter((name) => aws.get(name) !== lab.get(name));
      const unexplained = different.filter((name) => !differing.some(([pattern]) => pattern.test(name)));
      expect(unexplained).toEqual([]);
      expect(names.length - different.length).toBeGreaterThan(different.length);
    },
  );
});
