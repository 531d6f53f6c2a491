import { allNodes, type Cluster } from '@pgha/infra/cluster';
import { type CertificateVerdict, issueCertificate, judgeCertificate } from './certificates.ts';
import { authorityParameters, type CertificateParameters, identityOf, machineParameters } from './inventory.ts';
import type { SecretStore } from './store.ts';

/** A certificate and why it was, or would be, replaced. */
export interface Renewal {
  machine: string;
  verdict: CertificateVerdict;
}

/** How long before its end a certificate is renewed: two of the monthly maintenance dates a small team keeps. */
export const renewWithinDays = 60;

/**
 * Replaces the machine certificates that end soon or whose names no longer fit the cluster, each for the key it has: one
 * parameter changes, so a machine never fetches halves of two pairs. The machines take them at their next `pgha-secrets fetch`.
 *
 * @throws when a pair is missing, or its key does not fit: `secretsInit` says what to do about either.
 */
export async function renewCertificates(
  cluster: Cluster,
  store: SecretStore,
  now: Date = new Date(),
): Promise<readonly Renewal[]> {
  const authority = await readPair(store, authorityParameters(cluster));
  const renewals: Renewal[] = [];
  for (const node of allNodes(cluster)) {
    const pair = machineParameters(cluster, node);
    const { certificate, key } = await readPair(store, pair);
    const identity = identityOf(cluster, node);
    const verdict = judgeCertificate(certificate, key, authority.certificate, identity, now, renewWithinDays);
    if (verdict === 'current') continue;
    if (verdict === 'other-key') {
      throw new Error(`${pair.certificate} does not belong to ${pair.key}; delete both and run \`pgha secrets init\``);
    }
    await store.replace(pair.certificate, await issueCertificate(authority, key, identity, now));
    renewals.push({ machine: node.name, verdict });
  }
  return renewals;
}

async function readPair(store: SecretStore, names: CertificateParameters) {
  const values = await store.read([names.certificate, names.key]);
  const certificate = values.get(names.certificate);
  const key = values.get(names.key);
  if (certificate === undefined || key === undefined) {
    const missing = certificate === undefined ? names.certificate : names.key;
    throw new Error(`${missing} is not in ${store.place}; run \`pgha secrets init\``);
  }
  return { certificate, key };
}
