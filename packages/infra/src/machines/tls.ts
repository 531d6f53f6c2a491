import { type Cluster, type Node, parameterName } from '../cluster/index.ts';
import type { SecretFile, UnitAction } from './machine.ts';

/** The private CA's certificate, the same on every machine; world-readable. */
export const caFile = '/etc/pgha/tls/ca.crt';

/** Debian's bundle: what AWS's own certificates are checked against. */
export const systemCaFile = '/etc/ssl/certs/ca-certificates.crt';

/** Where a system user finds the machine's certificate and key. Each user has its own copy: a key is never shared by mode. */
export function tlsFilesOf(user: string): { certificate: string; key: string } {
  return { certificate: `/etc/pgha/tls/${user}.crt`, key: `/etc/pgha/tls/${user}.key` };
}

/**
 * The certificate and key of this machine as files of one system user.
 *
 * @param onChange what a new certificate reloads.
 */
export function machineCertificate(
  cluster: Cluster,
  node: Node,
  user: string,
  onChange: readonly UnitAction[] = [],
): readonly SecretFile[] {
  const { certificate, key } = tlsFilesOf(user);
  const parameter = (part: string) => parameterName(cluster, `machines/${node.name}/${part}`);
  return [
    { parameter: parameter('certificate'), path: certificate, mode: '0644', owner: user, group: user, onChange },
    { parameter: parameter('key'), path: key, mode: '0600', owner: user, group: user, onChange },
  ];
}

/** The CA's certificate as a file every program can read. */
export function caCertificate(cluster: Cluster, onChange: readonly UnitAction[] = []): SecretFile {
  return {
    parameter: parameterName(cluster, 'ca/certificate'),
    path: caFile,
    mode: '0644',
    owner: 'root',
    group: 'root',
    onChange,
  };
}
