import { randomBytes } from 'node:crypto';
import {
  activeLoginParameter,
  allNodes,
  type Cluster,
  type Login,
  loginsOf,
  type Node,
  parameterName,
  passwordParameter,
  regionsOf,
  rotatingLogins,
} from '@pgha/infra/cluster';
import { apiKeysParameter, backupPassphrasesParameter, detachedRepositoriesParameter } from '@pgha/infra/machines';
import type { Identity } from './certificates.ts';

/** A secret that is made from nothing but chance. */
export interface GeneratedSecret {
  name: string;
  generate(): string;
}

/** 256 bits each: more than any guess; letters that need no quoting in a connection string, a shell or an ini file. */
const secretBytes = 32;
export const randomSecret = (): string => randomBytes(secretBytes).toString('base64url');

/** A key of the HTTP API: its prefix lets scanners of published code recognise one that leaked. */
export const randomApiKey = (): string => `pgha_${randomSecret()}`;

/** Every login with a password; a login without one does not compile. */
const logins: readonly Login[] = [...rotatingLogins.flatMap(loginsOf), 'owner', 'patroni_rest', 'grafana_admin'];

/** Every secret of a cluster besides the certificates, and what belongs to them: which login is in use, what is detached. */
export function generatedSecrets(cluster: Cluster): readonly GeneratedSecret[] {
  return [
    ...logins.map((login) => ({ name: passwordParameter(cluster, login), generate: randomSecret })),
    ...rotatingLogins.map((role) => ({
      name: activeLoginParameter(cluster, role),
      generate: () => loginsOf(role)[0],
    })),
    { name: apiKeysParameter(cluster), generate: () => `${randomApiKey()}\n` },
    { name: backupPassphrasesParameter(cluster), generate: () => `1 current ${randomSecret()}\n` },
    { name: detachedRepositoriesParameter(cluster), generate: () => 'none\n' },
  ];
}

/** The SSM names of a certificate and its key. */
export interface CertificateParameters {
  certificate: string;
  key: string;
}

/** The CA's certificate, which every machine has, and its key, which none has. */
export function authorityParameters(cluster: Cluster): CertificateParameters {
  return { certificate: parameterName(cluster, 'ca/certificate'), key: parameterName(cluster, 'ca/key') };
}

export function machineParameters(cluster: Cluster, node: Node): CertificateParameters {
  const name = (part: string) => parameterName(cluster, `machines/${node.name}/${part}`);
  return { certificate: name('certificate'), key: name('key') };
}

/**
 * What a machine's certificate is valid for. Members of both regions answer to both load balancers' names and addresses: after
 * the second region was promoted, the first one's name may point to it, and an operator without the private zone dials an
 * address.
 */
export function identityOf(cluster: Cluster, node: Node): Identity {
  const isMember = node.role === 'postgres' || node.role === 'standby';
  const balancers = isMember ? regionsOf(cluster).map(({ loadBalancer }) => loadBalancer) : [];
  return {
    names: [node.hostname, ...balancers.map(({ hostname }) => hostname), 'localhost'],
    addresses: [node.address, ...balancers.flatMap(({ addresses }) => addresses), '127.0.0.1'],
  };
}

/** Every name that init fills, for messages and for comparing regions. */
export function parameterNames(cluster: Cluster): readonly string[] {
  const pairs = [authorityParameters(cluster), ...allNodes(cluster).map((node) => machineParameters(cluster, node))];
  return [
    ...generatedSecrets(cluster).map(({ name }) => name),
    ...pairs.flatMap(({ certificate, key }) => [certificate, key]),
  ];
}
